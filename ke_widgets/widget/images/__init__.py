"""The images of a widget: as the user gave them, as the model takes them, as the page shows them."""
