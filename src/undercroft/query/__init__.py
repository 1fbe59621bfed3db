"""From names to things: what a caller asked for, and the same tree bound to the catalog."""
