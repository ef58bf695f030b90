"""The neural networks and what trains, exports and serves them."""
