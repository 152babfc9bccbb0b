"""What runs a model: taps, gradients, compiled functions, the loop.

The only package that imports TensorFlow. Import from the file that holds the name: `engine.gradient`, not `engine`.
"""
