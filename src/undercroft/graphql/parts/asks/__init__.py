"""From what a document and its variables say to asks."""
