"""The pure pieces of mail: addresses, templates, the text twin, the message, its signature, what servers mean."""
