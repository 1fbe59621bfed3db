"""From a guarded plan to one statement that builds the answer's JSON in the database."""
