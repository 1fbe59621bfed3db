"""The verbs of the outbox: enqueue, work, fire, look after."""
