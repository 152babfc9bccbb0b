"""A view of a model that takes the image alone: what else it takes, and the data of its target, stay as they are."""

from typing import Any

import keras
from keras import ops

from ke_widgets.model.exposed import Exposed
from ke_widgets.model.units import scores_of


class OfImage(keras.Model):
    """Scores of changed versions of one image; made for metrics, which change images and know no other inputs.

    It holds the view, not a copy, and nothing is added to its model.

    Args:
        view: An exposed model.
        inputs: All that its model takes for one image.
        position: Which of the flat inputs is the image.
        y: Data of the target for that image, `(1, ...)`, or `None`.
    """

    def __init__(self, view: Exposed, inputs: Any, position: int = 0, y: Any = None) -> None:
        super().__init__(name=view.model.name, autocast=False)
        # Bypass `Layer.__setattr__`, which would track the user's model.
        self.__dict__.update(view=view, inputs_of_image=inputs, position=position, y=y)
        self.built = True

    def call(self, images: Any) -> Any:
        count = ops.shape(images)[0]
        flat = [_repeated(x, count) for x in keras.tree.flatten(self.inputs_of_image)]
        flat[self.position] = images
        outputs, *_ = self.view.read(keras.tree.pack_sequence_as(self.inputs_of_image, flat))
        return scores_of(self.view, outputs, None if self.y is None else _repeated(self.y, count))


def _repeated(x, count):
    return ops.broadcast_to(x, (count, *x.shape[1:]))
