"""The questions that are asked of PostgreSQL: each is one word of `python -m benchmarks`."""
