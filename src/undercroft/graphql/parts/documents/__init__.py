"""What is looked at in a document before anything is asked: limits, cost, the rules of validation."""
