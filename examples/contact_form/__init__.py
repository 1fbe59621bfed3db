"""A contact form: anybody may write, only its owner reads, and a mail leaves if and only if the row is there."""
