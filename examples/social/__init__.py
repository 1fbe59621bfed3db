"""The example: a small social network, its invented data, and `python -m examples.social` to serve both."""
