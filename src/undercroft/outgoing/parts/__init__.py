"""What is decided without waiting: addresses, URLs, waits, redirects, the breaker, trace headers."""
