"""What is served while a benchmark runs: our own applications, and the ceiling."""
