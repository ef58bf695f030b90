"""What tells the station that there is something to inspect."""
