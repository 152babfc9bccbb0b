"""The loop over data: a method over any amount of images, as `predict` runs a model."""
