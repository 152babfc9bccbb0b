"""Build error messages: nearest names, short forms of values, one sentence for an exception."""
