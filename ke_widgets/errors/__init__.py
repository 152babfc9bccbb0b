"""What error messages are made of: nearest names, short forms of values, one sentence for an exception."""
