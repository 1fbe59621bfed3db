"""REST: the dialect of PostgREST, parsed and answered."""
