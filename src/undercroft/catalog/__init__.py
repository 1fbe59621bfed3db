"""What there is: tables, columns and relations, as a thin frozen view over SQLAlchemy's MetaData."""
