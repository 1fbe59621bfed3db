"""Calls to other machines: with limits, retries, a circuit breaker, and never to an address inside."""
