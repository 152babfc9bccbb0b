"""The framework under Keras: what `keras.ops` does not have."""
