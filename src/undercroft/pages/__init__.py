"""Pages: server-rendered HTML, static files and single-page applications beside the API."""
