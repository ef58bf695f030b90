"""What executes an exported network."""
