"""How well and how fast methods fill holes, and what that does to what is measured."""
