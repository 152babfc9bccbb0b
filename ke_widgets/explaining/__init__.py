"""Run a method over any amount of data, as `predict` runs a model."""
