"""Migrations on PostgreSQL: how schemas are read, tried, changed under load, and finished later."""
