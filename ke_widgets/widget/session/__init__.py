"""The computing part of a widget: models and choices in, explanations out."""
