"""What `make bench` runs, and long forms of tests."""
