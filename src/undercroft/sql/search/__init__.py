"""Full-text search where the database has none of PostgreSQL's: its words, its queries, and how the two meet.

Source: PostgreSQL's "Full Text Search" chapter; what its default parser calls a word was seen by asking it.
"""
