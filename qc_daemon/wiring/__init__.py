"""Chooses the actors: the only room that knows the story's ports and the packages that serve them."""
