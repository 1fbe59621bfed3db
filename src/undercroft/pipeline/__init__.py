"""One request from its ask to its answer: bind, guard, write, run; and the Python logic around it, in the same
transaction."""
