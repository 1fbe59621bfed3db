"""What is decided without waiting: signatures, secrets, names of events, when a delivery is tried again."""
