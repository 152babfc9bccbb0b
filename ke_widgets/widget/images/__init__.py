"""The images of a widget: input formats, preprocessing to model inputs, and encoding for the page."""
