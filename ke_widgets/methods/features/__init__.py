"""Feature visualization: images that excite a unit. It needs no inputs, so it is no method in the table of methods."""

from ke_widgets.methods.features.maximizing import maximize as maximize
