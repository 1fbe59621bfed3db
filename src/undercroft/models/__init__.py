"""What an app file declares: models, and the policies, column rules, hooks and functions beside them."""
