"""Pure pieces of this room."""
