"""Read a model: its layers and their calls, its logits, the default layer, inner signals."""
