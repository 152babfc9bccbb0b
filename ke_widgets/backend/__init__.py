"""Provide functions of the backend that `keras.ops` does not have."""
