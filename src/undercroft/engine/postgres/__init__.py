"""The engine on PostgreSQL. Its driver is an extra, `undercroft[postgres]`, loaded only where this package is."""
