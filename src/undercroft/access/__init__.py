"""Who may do what: the actor, the policies, and the one guard that puts them into a plan."""
