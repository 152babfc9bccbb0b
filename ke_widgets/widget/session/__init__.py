"""What a widget computes: models and choices in, explanations out."""
