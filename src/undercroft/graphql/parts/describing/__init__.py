"""What the API is for a role: its types and fields, named, beside what they stand for in the catalog."""
