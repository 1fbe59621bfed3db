"""The verbs of this room, one to a file."""
