"""The pure pieces of GraphQL: names, types, and what a document asks."""
