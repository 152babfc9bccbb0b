"""A choice: one frozen value, checked once, and carried whole from the page to the model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """What the user chose to see in one pane.

    Attributes:
        image_index: Number of the image.
        layer: Path of the layer.
        class_index: Number of the class.
        method: Name of the method.
        params: Own parameters of methods; those of other methods are ignored.
        contrast_index: Number of the class to contrast with, or `None`.
        model_index: Number of the model.
    """

    image_index: int
    layer: str
    class_index: int
    method: str
    params: dict
    contrast_index: int | None = None
    model_index: int = 0

    @property
    def key(self) -> str:
        """A hashable key: text that equal choices share."""
        return repr(sorted(vars(self).items()))
