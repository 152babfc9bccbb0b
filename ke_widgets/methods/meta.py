"""Methods of methods: means over noisy, or over scaled and mirrored, copies of the images; contrasts, and negatives.

`smooth(gradcam)` is a method, used like `gradcam`, with the same parameters. Equal calls return the same object, so
that compiled functions are reused.
"""

import dataclasses
import functools
import numbers
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import keras
from keras import ops
from keras.backend import is_float_dtype

from ke_widgets import backend
from ke_widgets.engine.evaluations import image_gradients, plain, summed
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import KERNEL_AXIS, SPATIAL_AXIS
from ke_widgets.methods import Evaluations, Range, evaluated_by
from ke_widgets.methods.cams import cam
from ke_widgets.methods.gradient import METHODS as OF_GRADIENTS
from ke_widgets.methods.gradient import check_channels, gradients, over_channels
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.model.grids import as_float
from ke_widgets.model.inputs import axes_of_image, fitted, image_positions
from ke_widgets.targets import Contrast, Units
from ke_widgets.typing import Inputs, Method, ScoreFunction, SpatialAxis, Tensor
from ke_widgets.utils import tolist


def smooth(
    method: Method,
    repetitions: Annotated[int, Range(1, 512)] = 25,
    noise: Annotated[float, Range(0, 1)] = 0.15,
    relative: bool = True,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    statistic: Literal["mean", "square", "variance"] = "mean",
) -> Method:
    r"""Return a method that takes the mean of a method's maps over copies of the image with Gaussian noise.

    $$M_u = \frac{1}{n} \sum_{s=1}^n M_u(x + \epsilon_s), \qquad \epsilon_s \sim \mathcal{N}(0, \sigma^2)$$

    All samples are noisy, and every image of a batch gets the same noise: the map of an image depends neither on the
    other images nor on `batch_size`.

    Args:
        method: A method of `ke_widgets.methods`, or one that this module made.
        repetitions: Number of samples, `n`.
        noise: Standard deviation of the noise; with 0, the result is the method itself.
        relative: Whether `noise` is a fraction of each image's `max - min`, as in the paper, or in units of the input.
        seed: Seed of the noise.
        batch_size: Samples per forward pass, for each image; `None` takes the fastest on this device. It changes the
            maps by rounding only.
        statistic: `"mean"` over the samples; `"square"`, the mean of the squares (SmoothGrad squared); `"variance"`
            (VarGrad), the mean square less the squared mean.

    Returns:
        A method. It returns the logits `(B, U)` of the image itself, without noise, and maps of the same shape as
        `method`.

    Raises:
        ValueError: If a number is out of range, or `statistic` is unknown.

    Source:
        SmoothGrad: removing noise by adding noise, arXiv:1706.03825. Variance and squares: arXiv:1810.03292,
        arXiv:1806.10758.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3),
        ...     keras.layers.GlobalAveragePooling2D(),
        ...     keras.layers.Dense(2),
        ... ])
        >>> method = smooth(ke.methods.cams.gradcam, repetitions=4, noise=0.2)
        >>> logits, maps = method(ke.inspection.expose(model), np.zeros((1, 8, 8, 3)))
        >>> logits.shape == (1, 2), maps.shape == (1, 6, 6, 2), method is smooth(ke.methods.cams.gradcam, 4, 0.2)
        (True, True, True)
    """
    _check_sampling(repetitions, noise, seed, batch_size)
    if statistic not in ("mean", "square", "variance"):
        raise ValueError(
            f"`statistic` must be 'mean', 'square' or 'variance'. Received: statistic={short_repr(statistic)}."
        )
    draws = float(noise), bool(relative), int(seed)
    return _smooth(
        method, _samples(repetitions, noise), *draws, statistic, None if batch_size is None else int(batch_size)
    )


def _check_sampling(repetitions: Any, noise: Any, seed: Any, batch_size: Any = None) -> None:
    size = 1 if batch_size is None else batch_size
    for name, value, least in (("repetitions", repetitions, 1), ("batch_size", size, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
            raise ValueError(f"`{name}` must be an integer of at least {least}. Received: {name}={short_repr(value)}.")
    if not noise >= 0:
        raise ValueError(f"`noise` must be at least 0. Received: noise={short_repr(noise)}.")


def _samples(repetitions: int, noise: float) -> int:
    """Return the number of samples: without noise all are equal, and summing them would only round."""
    return 1 if noise == 0 else int(repetitions)


@functools.lru_cache(maxsize=64)
def _smooth(
    method: Method, samples: int, noise: float, relative: bool, seed: int, statistic: str, batch_size: int | None
) -> Any:
    def begin(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> tuple[Tensor, Any, None]:
        inputs = _images_floating(model, inputs)
        return _logits(method, model, inputs, indices, params), inputs, None

    def draw(model: keras.Model, inputs: Inputs, numbers: Tensor) -> Inputs:
        return _draw_noisy(model, inputs, numbers, noise=noise, relative=relative, seed=seed)

    def asks(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> Tensor:
        return method(model, inputs, indices, **params)[1]

    def add(state: Any, sums: Any, maps: Tensor, numbers: Tensor, counts: Tensor) -> list[Tensor]:
        """Add the maps, and their squares."""
        new = (maps, maps**2) if statistic != "mean" else (maps,)
        return [summed(state, old, x, numbers, counts) for old, x in zip(sums or [None, None], new)]

    def end(state: Any, sums: list[Tensor], done: int) -> Tensor:
        average, *squares = (x / done for x in sums)
        if statistic == "variance":
            return ops.maximum(squares[0] - ops.square(average), 0)
        return squares[0] if statistic == "square" else average

    evaluations = Evaluations(
        count=lambda state: samples,
        draw=draw,
        asks=asks,
        add=add,
        begin=begin,
        end=end,
        differentiates=True,
        batch_size=batch_size,
    )
    return _made_of(method, "smooth", evaluations)


def _logits(
    method: Method, model: keras.Model, inputs: Inputs, indices: Tensor | None, params: dict[str, Any]
) -> Tensor:
    """Return the logits of the images themselves, from the beginning of a method that evaluates the model many times.

    A compiled function prunes this to a forward pass.
    """
    evaluations = getattr(method, "evaluations", None)
    if evaluations is None:
        return method(model, inputs, indices, **params)[0]
    return evaluations.start(model, inputs, indices, **params)[1]


def _images_floating(model: keras.Model, inputs: Inputs) -> Inputs:
    """Cast images of integers to floats, and add the channel axis if the model has it.

    Other integers, such as token numbers, stay as they are.
    """
    inputs = fitted(model, inputs)
    images = image_positions(inputs)
    flat = keras.tree.flatten(inputs)
    flat = [as_float(x) if number in images else ops.convert_to_tensor(x) for number, x in enumerate(flat)]
    return keras.tree.pack_sequence_as(inputs, flat)


def _draw_noisy(
    model: keras.Model, inputs: Inputs, chosen: Tensor, *, noise: float, relative: bool, seed: int
) -> Inputs:
    """Return inputs `(B, ...)` plus the noise of the chosen samples: `(S * B, ...)`.

    Integers get none, nor what stands beside images.
    """
    flat = keras.tree.flatten(inputs)
    images = image_positions(inputs) if len(flat) > 1 else []

    def noisy(position: int, x: Tensor) -> Tensor:
        if not is_float_dtype(x.dtype) or (images and position not in images):
            return ops.tile(x, (chosen.shape[0], *[1] * (len(x.shape) - 1)))
        axes = tuple(range(1, len(x.shape)))
        spread = noise * (ops.max(x, axis=axes, keepdims=True) - ops.min(x, axis=axes, keepdims=True))
        drawn = backend.stateless_normal(ops.shape(x)[1:], seed, chosen * len(flat) + position, x.dtype)
        added = ops.expand_dims(drawn, 1) * (spread if relative else noise)
        return ops.reshape(x + added, (-1, *ops.shape(x)[1:]))

    return keras.tree.pack_sequence_as(inputs, [noisy(position, x) for position, x in enumerate(flat)])


def tta(method: Method, scales: float | Sequence[float] = (), hflip: bool = True) -> Method:
    r"""Return a method that takes the mean of a method's maps over scaled and mirrored copies of the image.

    $$M_u = \frac{1}{n} \sum_{t=1}^n t^{-1} \big( M_u(t(x)) \big)$$

    where `t` runs over the unchanged image, each of `scales`, and the mirror images of all of these. Each map is
    mirrored back and resized to the first one. The mirrored axis is the last spatial one: the columns of images,
    volumes and frames, the time of signals. Inputs other than images stay as they are.

    Args:
        method: A method of `ke_widgets.methods`, or one that this module made.
        scales: Factors of the image's size, beside 1. The model must take images of any size.
        hflip: Whether to add the mirror image of each copy.

    Returns:
        A method. It returns the logits `(B, U)` of the unchanged image, and maps of the same shape as `method`.

    Raises:
        ValueError: If a scale is not above 0; when called, if the model takes images of one size only, or none.
    """
    scales = tuple(tolist(scales))
    if any(isinstance(s, bool) or not isinstance(s, numbers.Real) or not float(s) > 0 for s in scales):
        raise ValueError(f"`scales` must be numbers above 0. Received: scales={short_repr(scales)}.")
    return _tta(method, tuple(dict.fromkeys((1.0, *map(float, scales)))), bool(hflip))


@functools.lru_cache(maxsize=64)
def _tta(method: Method, scales: tuple[float, ...], hflip: bool) -> Any:
    # All but the first one, the unchanged image.
    passes = [(scale, mirror) for scale in scales for mirror in ((False, True) if hflip else (False,))][1:]

    def begin(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> tuple[Tensor, Any, Tensor]:
        _check_any_size(model, scales)
        _check_moves(model, indices)
        inputs = _images_floating(model, inputs)
        if passes and not image_positions(inputs):
            raise ValueError(
                "The model must take images (B, H, W, C), to be scaled or mirrored. "
                f"Received: inputs of the shapes {[tuple(x.shape) for x in keras.tree.flatten(inputs)]}."
            )
        logits, maps = method(model, inputs, indices, **params)
        return logits, inputs, maps

    def draw(model: keras.Model, inputs: Inputs, number: int, *, spatial_axis: SpatialAxis) -> Inputs:
        return _transformed(model, inputs, *passes[number], spatial_axis)

    def asks(model: keras.Model, inputs: Inputs, indices: Tensor | None, **params: Any) -> Tensor:
        return method(model, inputs, indices, **params)[1]

    def add(inputs: Inputs, sums: Tensor, found: Tensor, number: int, counts: Tensor) -> Tensor:
        scale, mirror = passes[number]
        maps = ops.flip(found[0], axis=-2) if mirror else found[0]
        return sums + (maps if scale == 1 else backend.resize(maps, ops.shape(sums)[1:-1]))

    evaluations = Evaluations(
        count=lambda inputs: len(passes),
        draw=draw,
        asks=asks,
        add=add,
        begin=begin,
        end=lambda inputs, sums, done: sums / (done + 1),
        unrolled=True,
    )
    return _made_of(method, "tta", evaluations)


def _transformed(model: keras.Model, inputs: Inputs, scale: float, mirror: bool, spatial_axis: SpatialAxis) -> Inputs:
    """Return the inputs with scaled and mirrored images."""
    flat = keras.tree.flatten(inputs)
    for position in image_positions(inputs):
        axes = axes_of_image(model, inputs, position, spatial_axis)
        x = flat[position]
        flat[position] = ops.flip(_scaled(x, scale, axes), axis=axes[-1]) if mirror else _scaled(x, scale, axes)
    return keras.tree.pack_sequence_as(inputs, flat)


def _scaled(x: Tensor, scale: float, axes: tuple[int, ...]) -> Tensor:
    if scale == 1:
        return x
    size = [ops.shape(x)[axis] for axis in axes]
    size = [round(n * scale) if isinstance(n, int) else ops.cast(ops.round(n * scale), "int32") for n in size]
    if len(x.shape) == len(axes) + 1:
        return ops.squeeze(backend.resize(ops.expand_dims(x, -1), size), -1)
    first = tuple(range(1, len(axes) + 1))
    return ops.moveaxis(backend.resize(ops.moveaxis(x, axes, first), size), first, axes)


def _check_moves(model: keras.Model, y: Tensor | None) -> None:
    """Check that the data of the target have no places, which would stay where the image is mirrored."""
    target: Any = getattr(model, "target", None)
    if getattr(target, "spatial", False) and y is not None:
        raise ValueError(
            f"The target of `tta` must hold for mirrored and scaled images too. Received: {target} with places in `y`. "
            "Use `smooth`, which moves nothing."
        )


def _check_any_size(model: keras.Model, scales: tuple[float, ...]) -> None:
    whole = model.model if isinstance(model, Exposed) else model
    shapes = [tuple(x.shape) for x in keras.tree.flatten(getattr(whole, "inputs", None) or [])]
    if len(scales) > 1 and any(len(shape) > 2 and None not in shape[1:] for shape in shapes):
        raise ValueError(
            "`scales` must be empty for a model that takes images of one size. "
            f"Received: scales={scales[1:]}, and {whole.name!r}, which takes {shapes}. Build it with the input shape "
            "(None, None, channels), or leave `scales` out."
        )


@functools.lru_cache(maxsize=64)
def contrast(method: Method) -> Method:
    r"""Return a method that explains why one unit rather than another: the difference of their logits.

    $$M = M_{y_a - y_b}$$

    that is, the method's map for a unit whose logit is `y_a - y_b`. For methods that are linear in the logit, such as
    `gradcam`, this is the difference of the two maps.

    Args:
        method: A method of `ke_widgets.methods`, or one made by this module or `ke_widgets.methods.all_layers`.

    Returns:
        A method whose `indices` are pairs `(B, 2)`: the first rather than the second. It returns the differences of
        the logits `(B, 1)`, and maps of the same shape as `method`, with one unit.

    Source:
        Contrastive Explanations in Neural Networks, arXiv:2008.00178 (there, the gradient of a loss between the two).
    """
    return _retargeted(method, "contrast", _contrasted)


def _contrasted(target: ScoreFunction | None) -> ScoreFunction:
    if target is not None and not isinstance(target, Units):
        raise ValueError(f"`contrast` must have a model whose target is Units. Received: {target}.")
    return Contrast()


def _retargeted(method: Callable[..., Any], verb: str, changed: Callable[[ScoreFunction | None], ScoreFunction]) -> Any:
    """Make a method that explains another target: `changed(target)` of that which the model has."""

    def view(model: keras.Model) -> Exposed:
        if isinstance(model, Exposed):
            return Exposed(model.model, model.endpoints, changed(model.target))
        return Exposed(model, [Endpoint("")], changed(None))

    evaluations: Any = getattr(method, "evaluations", None)
    if evaluations is None:

        @functools.wraps(method)
        def retargeted(model: keras.Model, *args: Any, **own: Any) -> tuple[Tensor, Any]:
            return method(view(model), *args, **own)

        return _named(retargeted, verb, method)
    same = {field.name: getattr(evaluations, field.name) for field in dataclasses.fields(Evaluations)}
    return _made_of(method, verb, _Retargeted(**same, inner=evaluations, view=view))


@dataclasses.dataclass(frozen=True)
class _Retargeted(Evaluations):
    """The `inner` evaluations, of `view(model)`."""

    inner: Evaluations = dataclasses.field(kw_only=True)
    view: Callable[[keras.Model], keras.Model] = dataclasses.field(kw_only=True)

    def start(self, model: keras.Model, *args: Any, **params: Any) -> tuple[Any, ...]:
        return self.inner.start(self.view(model), *args, **params)

    def ask(self, model: keras.Model, *args: Any, **params: Any) -> Tensor:
        return self.inner.ask(self.view(model), *args, **params)


@functools.lru_cache(maxsize=64)
def negate(method: Method) -> Method:
    r"""Return a method that explains the evidence against a unit: the negative of its logit.

    $$M = M_{-y_u}$$

    that is, the method's map for a unit whose logit is `-y_u`. Of a model with one sigmoid unit, `y_u` is the logit of
    class 1 and `-y_u` that of class 0.

    Args:
        method: A method of `ke_widgets.methods`, or one made by this module or `ke_widgets.methods.all_layers`.

    Returns:
        A method with the same arguments. It returns the negative logits `(B, U)`, and maps of the same shape as
        `method`.

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((8, 8, 3)),
        ...     keras.layers.Conv2D(4, 3),
        ...     keras.layers.GlobalAveragePooling2D(),
        ...     keras.layers.Dense(1, activation="sigmoid"),
        ... ])
        >>> image, gradcam = np.ones((1, 8, 8, 3)), ke.methods.cams.gradcam
        >>> logits, _ = gradcam(ke.inspection.expose(model), image)
        >>> negative, _ = negate(gradcam)(ke.inspection.expose(model), image)
        >>> bool(logits == -negative)
        True
    """
    if method is cam:  # It has the weights of units, not a gradient.
        return _negative_maps(method)
    return _retargeted(method, "negate", _Negative)


@dataclasses.dataclass(frozen=True)
class _Negative:
    """The negative of another target's scores."""

    target: Any  # A `ScoreFunction`, or `None`.

    @property
    def spatial(self) -> bool:
        return getattr(self.target, "spatial", False)

    def hold(self, outputs: Any) -> Any:
        """See `Target.hold`."""
        return self.target.hold(outputs) if hasattr(self.target, "hold") else None

    def __call__(self, outputs: Any, y: Tensor | None) -> Tensor:
        return -(self.target or Units())(outputs, y)


def _negative_maps(method: Method) -> Method:
    @functools.wraps(method)
    def negated(*args: Any, **own: Any) -> tuple[Tensor, Tensor]:
        logits, maps = method(*args, **own)
        return -logits, -maps

    return _named(negated, "negate", method)


def _made_of(method: Callable[..., Any], verb: str, evaluations: Evaluations) -> Any:
    """Return a method of `evaluations` with the signature of `method`."""
    made, name = evaluated_by(evaluations)(method), getattr(method, "__name__", "method")
    _named(made, verb, method).__qualname__ = f"{verb}_{name}"
    made.__doc__ = f"`{name}`, by `ke_widgets.methods.meta.{verb}`.\n\n{method.__doc__ or ''}"
    return made


def _named(made: Any, verb: str, method: Callable[..., Any]) -> Any:
    """Name a method by what it does to another one."""
    made.__name__ = f"{verb}_{getattr(method, '__name__', 'method')}"
    return made


def _begin_smoothgrad(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None,
    *,
    indices_axis: int,
    indices_batch_dims: int,
    channels: str,
    repetitions: int,
    noise: float,
    seed: int,
) -> tuple[Tensor, Inputs, None]:
    _check_sampling(repetitions, noise, seed)
    check_channels(channels)
    axes = {"indices_axis": indices_axis, "indices_batch_dims": indices_batch_dims}
    return plain(model, _images_floating(model, inputs), indices, **axes)


@evaluated_by(
    Evaluations(
        count=lambda state, *, repetitions, noise: _samples(repetitions, noise),
        draw=_draw_noisy,
        asks=image_gradients,
        begin=_begin_smoothgrad,
        end=lambda state, sums, done, *, channels: over_channels(sums / done, channels),
        differentiates=True,
    )
)
def smoothgrad(
    model: keras.Model,
    inputs: Inputs,
    indices: Tensor | None = None,
    indices_axis: int = KERNEL_AXIS,
    indices_batch_dims: int = -1,
    spatial_axis: SpatialAxis = SPATIAL_AXIS,
    *,
    channels: Literal["max", "mean"] = "max",
    repetitions: Annotated[int, Range(1, 512)] = 25,
    noise: Annotated[float, Range(0, 1)] = 0.15,
    relative: bool = True,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    image_input: int | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""SmoothGrad: how strongly each pixel moves the unit's logit, averaged over noisy copies of the image.

    $$M_u(p) = \max_c \Big| \frac{1}{n} \sum_{s=1}^n \frac{\partial y_u}{\partial x_{p,c}}(x + \epsilon_s) \Big|$$

    The signed gradients are averaged, so that gradients whose sign changes with the noise cancel;
    `smooth(gradients)` averages their absolute values instead.

    Args:
        channels: How the colour channels of a pixel become one number: `"max"` or `"mean"`.
        repetitions: Number of samples, `n`.
        noise: Standard deviation of the noise.
        relative: Whether `noise` is a fraction of each image's `max - min`, or in units of the input.
        seed: Seed of the noise.
        batch_size: Samples per forward pass, for each image; `None` takes the fastest on this device. It changes the
            maps by rounding only.
        image_input: See `gradients`.

    Returns:
        The logits `(B, U)` of the image itself, without noise, and maps `(B, H, W, U)`, at least 0, in logits per unit
        of input.

    Raises:
        ValueError: If an argument is out of range, or no input, or more than one, is the image.

    Source:
        SmoothGrad: removing noise by adding noise, arXiv:1706.03825.
    """
    ...


# A mean of gradients: the rest of their `Spec` holds for it.
METHODS = {
    smoothgrad: dataclasses.replace(
        OF_GRADIENTS[gradients],
        title="SmoothGrad",
        source="arXiv:1706.03825",
        answers="Which pixels move the score most, on average over noisy copies of the image?",
    )
}
