"""Messages, how they come over HTTP, and what answers to them are made of."""
