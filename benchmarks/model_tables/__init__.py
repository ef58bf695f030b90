"""The comparison tables: every method on the same specimens."""
