"""Run a model: gradients, compiled functions, the activation cache, steps of methods that evaluate many samples."""
