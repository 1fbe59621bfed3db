"""Mail: rendered from templates, sent through the outbox, in the transaction of the data."""
