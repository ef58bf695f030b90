"""Facts and opinions, kept for years."""
