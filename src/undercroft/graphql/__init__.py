"""GraphQL over the same plan as REST: pg_graphql's names and behaviour, at `/graphql/v1`."""
