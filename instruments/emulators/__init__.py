"""The same instruments without hardware, over real ptys and sockets, able to misbehave."""
