"""The station: its domain, its story and its commands."""
