"""What this room reads from disk: templates, and folders of files."""
