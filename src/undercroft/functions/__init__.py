"""Functions: Python endpoints under `/functions/v1`, by name, as Supabase calls its edge functions."""
