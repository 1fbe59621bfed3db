"""The types of a role, as graphql-core has them."""
