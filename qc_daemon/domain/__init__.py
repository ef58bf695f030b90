"""What an inspection is, in plain values: no device, no database, no network."""
