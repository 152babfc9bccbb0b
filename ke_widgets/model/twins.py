"""Run a layer's own code with other attributes, while the layer stays as it is."""

import contextlib
from collections.abc import Generator
from typing import Any

import keras

_ABSENT = object()


def twin(operation: keras.Operation) -> Any:
    """Return an object of an operation's class with its attributes: what is set on it, the operation does not see."""
    copy = object.__new__(type(operation))
    copy.__dict__.update(operation.__dict__)  # Past `Layer.__setattr__`, which would track the new ones.
    return copy


@contextlib.contextmanager
def changed_twin(layer: Any, /, **changed: Any) -> Generator[Any, None, None]:
    """Return a twin of an operation with other values of some attributes.

    What the layer's own code sets on it, a counter or something for its parent to read, comes to the layer, as in any
    run of it.

    Args:
        layer: A layer, or another Keras operation.
        **changed: Attributes of the twin.

    Yields:
        The twin.
    """
    copy = twin(layer)
    before = {**copy.__dict__, **changed}
    copy.__dict__.update(changed)
    yield copy
    for name, value in copy.__dict__.items():
        if before.get(name, _ABSENT) is not value:
            layer.__dict__[name] = value
