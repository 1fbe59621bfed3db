"""The network: names to addresses, connections to checked addresses only."""
