"""The operators' page and the REST interface: a process of its own that only reads."""
