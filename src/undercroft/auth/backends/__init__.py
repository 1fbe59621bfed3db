"""Where this room touches the outside: the data directory."""
