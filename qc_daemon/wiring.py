"""Chooses the actors: the only file that knows the story's ports and the packages that serve them.

Heavy packages are imported where they are used, so that `qc-daemon status` starts at once and the
line never loads what only training needs.
"""
