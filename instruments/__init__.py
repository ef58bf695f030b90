"""Drivers: what the instruments say, in the words of the domain."""
