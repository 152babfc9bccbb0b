"""Provide what `keras.ops` does not have, for the backend that Keras runs on: the only framework code.

Each backend is one module or package here, named as Keras names it, with the same public names.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING

import keras

# Types are TensorFlow's; the other backends have the same signatures.
if TYPE_CHECKING:
    from ke_widgets.backend.tensorflow import DATASETS as DATASETS
    from ke_widgets.backend.tensorflow import Along as Along
    from ke_widgets.backend.tensorflow import CheckError as CheckError
    from ke_widgets.backend.tensorflow import Compiled as Compiled
    from ke_widgets.backend.tensorflow import FrameworkError as FrameworkError
    from ke_widgets.backend.tensorflow import Loop as Loop
    from ke_widgets.backend.tensorflow import OutOfMemory as OutOfMemory
    from ke_widgets.backend.tensorflow import Pullback as Pullback
    from ke_widgets.backend.tensorflow import Rule as Rule
    from ke_widgets.backend.tensorflow import TensorSpec as TensorSpec
    from ke_widgets.backend.tensorflow import ancestors as ancestors
    from ke_widgets.backend.tensorflow import as_tensor as as_tensor
    from ke_widgets.backend.tensorflow import batch_spec as batch_spec
    from ke_widgets.backend.tensorflow import check as check
    from ke_widgets.backend.tensorflow import compiled as compiled
    from ke_widgets.backend.tensorflow import current_trace as current_trace
    from ke_widgets.backend.tensorflow import default_device as default_device
    from ke_widgets.backend.tensorflow import holds_floats as holds_floats
    from ke_widgets.backend.tensorflow import is_differentiated as is_differentiated
    from ke_widgets.backend.tensorflow import linearize as linearize
    from ke_widgets.backend.tensorflow import lost_second_derivatives as lost_second_derivatives
    from ke_widgets.backend.tensorflow import message as message
    from ke_widgets.backend.tensorflow import number_of_batches as number_of_batches
    from ke_widgets.backend.tensorflow import outside_of_traces as outside_of_traces
    from ke_widgets.backend.tensorflow import rectified as rectified
    from ke_widgets.backend.tensorflow import rectifier as rectifier
    from ke_widgets.backend.tensorflow import resize as resize
    from ke_widgets.backend.tensorflow import stateless_normal as stateless_normal
    from ke_widgets.backend.tensorflow import stateless_uniform as stateless_uniform
    from ke_widgets.backend.tensorflow import static_value as static_value
    from ke_widgets.backend.tensorflow import trace as trace
    from ke_widgets.backend.tensorflow import vjp as vjp
    from ke_widgets.backend.tensorflow import while_loop as while_loop

NAMES = (
    *("Along", "CheckError", "Compiled", "DATASETS", "FrameworkError", "Loop", "OutOfMemory", "Pullback", "Rule"),
    *("TensorSpec",),
    *("ancestors", "as_tensor", "batch_spec", "check", "compiled", "current_trace", "default_device", "holds_floats"),
    *("is_differentiated", "linearize", "lost_second_derivatives", "message", "number_of_batches", "outside_of_traces"),
    *("rectified", "rectifier", "resize"),
    *("stateless_normal", "stateless_uniform", "static_value", "trace", "vjp", "while_loop"),
)


def _load(name: str) -> None:
    """Put the names of a backend into this module."""
    known = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in known:
        raise ImportError(
            f"KERAS_BACKEND must be a backend that ke_widgets has a module for: {', '.join(known)}. "
            f"Received: KERAS_BACKEND={name}. Set it before Keras is imported."
        )
    module = importlib.import_module(f"{__name__}.{name}")
    globals().update({each: getattr(module, each) for each in NAMES})


_load(keras.backend.backend())
