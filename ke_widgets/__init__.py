"""See what a Keras 3 model looks at: expose its signals, explain its predictions, and a widget to do it by hand."""

__version__ = "0.1.0"
