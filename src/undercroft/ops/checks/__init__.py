"""What `doctor` looks for, by what it looks at. A check takes values and gives findings; it asks no database."""
