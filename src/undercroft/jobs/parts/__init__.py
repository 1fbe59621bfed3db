"""Pure pieces of the outbox: keys, waits, slots."""
