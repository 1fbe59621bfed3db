"""The verbs of webhooks: endpoints, publishing, delivering, and receiving."""
