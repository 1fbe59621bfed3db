"""What every protocol at the edge shares: the actor, faults as statuses, middleware."""
