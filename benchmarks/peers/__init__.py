"""The same service as others would build it, by their own documentation."""
