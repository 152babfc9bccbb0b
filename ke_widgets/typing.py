"""Types that signatures share: `Any` with a name where backend, NumPy and Keras have no static type in common."""

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias

# A tensor of the backend, symbolic or with values.
Tensor: TypeAlias = Any
# What `keras.ops.convert_to_tensor` takes: a tensor, an array, a number, or nested lists of numbers.
ArrayLike: TypeAlias = Any
# What a model takes: one tensor or array, or a list or dict of them.
Inputs: TypeAlias = Any
# How a user names an inner tensor of a model; `ke.inspection` lists the forms.
EndpointLike: TypeAlias = Any
# A `matplotlib.figure.Figure`; matplotlib is optional.
Figure: TypeAlias = Any

# What stands for "nothing there" in an image: see `ke_widgets.engine.baselines.baseline_of`.
NamedBaseline: TypeAlias = Literal["zero", "black", "mean", "blur", "white"]
Baseline: TypeAlias = NamedBaseline | Any

# One axis of a tensor, or several.
Axis: TypeAlias = int | tuple[int, ...]
# The axes of rows and columns (or of time, or of a volume), counted from the end.
SpatialAxis: TypeAlias = tuple[int, ...]
# A static shape; `None` is a side that is open.
Shape: TypeAlias = tuple[int | None, ...]
# An output of a model: its index, its name, or its key (keys, where dicts and lists are nested).
Head: TypeAlias = int | str | tuple[int | str, ...]

# From maps to maps of the same shape, such as the functions of `ke.filters`.
Filter: TypeAlias = Callable[[Tensor], Tensor]
# From a signal `(B, H', W', K)` and gradients `(B, U, H', W', K)`, and the method's own parameters as keywords, to maps
# `(B, H', W', U)`.
Combine: TypeAlias = Callable[..., Tensor]
# What is explained, a `ke_widgets.targets.Target`: from a model's outputs and `y` to scores `(B, U)`.
ScoreFunction: TypeAlias = Callable[[Any, Any], Tensor]
# What a method reads: the inputs, one signal, one for each bias, or scores of attention.
Reads: TypeAlias = Literal["inputs", "signal", "biases", "attention"]
# What `verbose` of `keras.Model.predict` takes.
Verbose: TypeAlias = Literal["auto", 0, 1, 2]


class Method(Protocol):
    """A method, as `ke_widgets.methods` describes it: `(model, inputs, indices=None, ...) -> (logits, maps)`."""

    def __call__(
        self, model: Any, inputs: Inputs, indices: Tensor | None = None, *args: Any, **own: Any
    ) -> tuple[Tensor, Any]: ...
