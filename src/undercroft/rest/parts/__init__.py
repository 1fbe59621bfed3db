"""The pure pieces of a REST request: one small grammar per file, from text to the values of `query.ask`."""
