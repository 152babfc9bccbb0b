"""Find images that excite a unit, by gradient ascent."""

import functools
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import rectified, vjp
from ke_widgets.engine.compiling import compiled
from ke_widgets.engine.forward import outputs_of
from ke_widgets.engine.images import image_of, with_images
from ke_widgets.errors.arguments import check_count, check_verbose, named
from ke_widgets.errors.short_repr import short_repr
from ke_widgets.inspection import endpoints, expose
from ke_widgets.methods.features import motions, spectrum
from ke_widgets.methods.features.asked import check_number, check_range, layout, score_each, units_of
from ke_widgets.methods.spec import Range
from ke_widgets.model.exposed import Exposed
from ke_widgets.model.grids import SPATIAL_AXIS
from ke_widgets.typing import ArrayLike, EndpointLike, Tensor, Verbose

_AT_ONCE = 64  # Images in one pass, if not said otherwise.


@named("ke.maximize")
def maximize(
    model: keras.Model,
    layer: EndpointLike = None,
    unit: int | Sequence[int] | None = None,
    *,
    images: ArrayLike | None = None,
    size: int | tuple[int, int] | None = None,
    steps: Annotated[int, Range(1, 4096)] = 256,
    learning_rate: float | None = None,
    value_range: tuple[float, float] = (0.0, 1.0),
    jitter: Annotated[float, Range(0, 0.5)] = 0.05,
    scale: Annotated[float, Range(0, 0.5)] = 0.1,
    rotation: Annotated[float, Range(0, 180)] = 10.0,
    crop: Annotated[float, Range(0.05, 1)] = 0.8,
    samples: int | None = None,
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0,
    batch_size: int | None = None,
    progress: Callable[[int, np.ndarray], object] | None = None,
    verbose: Verbose = "auto",
) -> tuple[np.ndarray, np.ndarray]:
    r"""Find images that excite a unit: what a channel of a layer, or a class, looks for.

    $$x^* = \arg\max_z \, \mathbb{E}_t \big[ y_u(t(x(z))) \big]$$

    by gradient ascent, where `y_u` is the mean of the channel over its positions, or the unit's logit; `t` is a random
    motion; and `x(z)` is made of waves. Without `images`, these are those of
    $x = \operatorname{sigmoid}(C F^{-1}(z / f))$, with `f` the frequency and `C` the correlation of colours: each step
    changes a natural image rather than single pixels. With `images`, the magnitudes of all waves are the mean ones of
    these images, and only phases are optimized (MaCo); `t` are then parts of the image.

    Args:
        model: A Keras model that takes one image `(H, W, C)`; or an exposed one, for a target and no `layer`.
        layer: The layer whose channels are meant, as `ke.inspection.expose` takes an endpoint; `None` for the logits.
        unit: The channel or class, or a list of them, for one image each; `None` for all of the layer.
        images: Natural images `(N, H, W, C)` in `value_range`, such as those that the model was trained on, for MaCo.
        size: Rows and columns, for a model that takes images of any size (224 by default).
        steps: Number of steps.
        learning_rate: Of Nadam; by default 0.05, and 1 for phases.
        value_range: The least and the largest value of a pixel, as the model takes them.
        jitter: Largest shift of the image, as a share of its sides.
        scale: Largest relative change of its size.
        rotation: Largest angle, in degrees.
        crop: Mean side of the parts for MaCo, as a share of the image's; there, `jitter`, `scale` and `rotation` have
            no effect. (The paper takes 0.25, of an image some times as large as the model's; here it has its size.)
        samples: Motions at each step; by default 1, and 32 for MaCo. All units get the same.
        seed: Seed of the first image and of the motions. The image of a unit does not depend on the other units.
        batch_size: Units optimized at a time; by default as many as make 64 images with their motions.
        progress: Called after each step, with the number of steps done and the scores of the units at hand before it,
            `(U,)`. An exception that it raises ends the search.
        verbose: See `ke.explain`.

    Returns:
        Images `(U, H, W, C)` in `value_range`, and transparency maps `(U, H, W)` from 0 to 1: the sum over all steps of
        the absolute gradient at each pixel, as a share of the largest. Where it is near 0, the unit never looked.

    Raises:
        ValueError: If an argument does not fit the model or its range, or a score cannot be differentiated.

    Source:
        Feature Visualization, doi:10.23915/distill.00007; Unlocking Feature Visualization for Deeper Networks with
        MAgnitude Constrained Optimization, arXiv:2306.06805, eq. 3 (there, with noise added to each part).

    Examples:
        >>> model = keras.Sequential([
        ...     keras.Input((16, 16, 3)),
        ...     keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
        ...     keras.layers.GlobalAveragePooling2D(),
        ...     keras.layers.Dense(2),
        ... ])
        >>> found, transparency = maximize(model, "conv", [0, 3], steps=2, verbose=0)
        >>> found.shape, transparency.shape
        ((2, 16, 16, 3), (2, 16, 16))
    """
    view, maco = _view(model, layer), images is not None
    for name, value, most in (("jitter", jitter, 0.5), ("scale", scale, 0.5), ("rotation", rotation, 180)):
        check_number(name, value, 0, most)
    check_number("crop", crop, 0.05, 1)
    check_verbose(verbose)
    rate = (1.0 if maco else 0.05) if learning_rate is None else learning_rate
    check_number("learning_rate", rate, 0, np.inf)
    samples = (32 if maco else 1) if samples is None else samples
    check_count("steps", steps)
    check_count("samples", samples)
    group = max(1, _AT_ONCE // samples) if batch_size is None else batch_size
    check_count("batch_size", group)
    own, of_layer = layout(view, size), layer is not None
    units = units_of(view, own, unit, of_layer)
    if maco:
        draw = functools.partial(motions.draw_crops, samples=samples, crop=crop)
    else:
        moves = {"jitter": jitter, "scale": scale, "rotation": rotation}
        draw = functools.partial(motions.draw_motions, samples=samples, **moves)
    groups = [units[first : first + group] for first in range(0, len(units), group)]
    bar = keras.utils.Progbar(steps * len(groups), verbose=1 if verbose == "auto" else verbose)
    fixed = {"own": own, "of_layer": of_layer, "values": check_range(value_range), "rate": float(rate)}
    search = functools.partial(_search, view, draw=draw, images=images, steps=steps, seed=seed, **fixed)
    found = []
    for number, chosen in enumerate(groups):

        def tell(done: int, scores: np.ndarray, before: int = number * steps) -> None:
            bar.update(before + done, values=[("score", float(scores.mean()))])
            if progress is not None:
                progress(done, scores)

        found.append(search(chosen, tell=tell))
    made, seen = (np.concatenate(parts) for parts in zip(*found))
    most = seen.max(axis=(1, 2), keepdims=True)
    return made, np.divide(seen, most, out=np.zeros_like(seen), where=most > 0)


def _search(
    view: Exposed,
    units: np.ndarray,
    *,
    draw: Callable[..., np.ndarray],
    images: ArrayLike | None,
    steps: int,
    rate: float,
    seed: int,
    own: tuple[int, ...],
    of_layer: bool,
    values: tuple[float, float],
    tell: Callable[[int, np.ndarray], None],
) -> tuple[np.ndarray, np.ndarray]:
    """Take all steps for some units; return their images, and the sums of the absolute gradients."""
    shape = tuple(int(side) for side in image_of(view, np.zeros((1, *own), "float32"), None, SPATIAL_AXIS).shape[1:])
    natural = () if images is None else _natural(images, shape)
    state = _begin(len(units), shape, images is not None, seed)
    step = compiled(_step, view, rate=rate, own=own, of_layer=of_layer, values=values)
    for done in range(steps):
        ways = draw(np.random.default_rng((seed, done)), size=shape[:2])
        scores, *state = step((*state, *natural), _tensors(units, ways, np.float32(done + 1)))
        tell(done + 1, np.asarray(scores))
    return np.asarray(_image(state[0], natural, *values)), np.asarray(state[3])


def _view(model: keras.Model, layer: EndpointLike) -> Exposed:
    """Return the view of the model whose first output has the units."""
    if layer is None:
        return model if isinstance(model, Exposed) else expose(model, [])
    owner = model.model if isinstance(model, Exposed) else model
    found = endpoints(owner, [layer])
    if len(found) != 1:
        raise ValueError(f"`layer` must name one endpoint. Received: layer={short_repr(layer)}.")
    return Exposed(owner, found)


def _tensors(*arrays: Any) -> tuple[Tensor, ...]:
    return tuple(map(ops.convert_to_tensor, arrays))


def _natural(images: ArrayLike, shape: tuple[int, ...]) -> tuple[Tensor, ...]:
    """Return the spectrum of the user's images."""
    array = np.asarray(images)
    if array.ndim != 4 or array.shape[-1] != shape[-1] or not len(array):
        raise ValueError(
            f"`images` must be images (N, H, W, {shape[-1]}), as the model takes them. Received: shape {array.shape}."
        )
    return _tensors(*(part.astype("float32") for part in spectrum.spectrum_of(array, (shape[0], shape[1]))))


def _begin(units: int, shape: tuple[int, ...], phases: bool, seed: int) -> tuple[Tensor, ...]:
    """Return what is optimized, of each unit the same, both of its moments, and the transparency."""
    rows, columns, channels = shape
    rng = np.random.default_rng(seed)
    if phases:
        first = rng.uniform(-np.pi, np.pi, (1, channels, rows, columns))
        first = np.repeat(2 * first, units, axis=0)  # Of each pair of waves, the half of the difference counts.
    else:
        first = np.repeat(0.01 * rng.normal(size=(2, 1, channels, rows, columns)), units, axis=1)
    zeros = np.zeros_like(first, "float32")
    return _tensors(first.astype("float32"), zeros, zeros, np.zeros((units, rows, columns), "float32"))


def _image(parameters: Tensor, given: tuple[Tensor, ...], low: float, high: float) -> Tensor:
    if not given:
        return spectrum.image_of_waves(parameters, low, high)
    return ops.clip(spectrum.image_of_phases(parameters, *given), low, high)


def _step(
    model: Any,
    state: tuple[Tensor, ...],
    given: tuple[Tensor, ...],
    *,
    rate: float,
    own: tuple[int, ...],
    of_layer: bool,
    values: tuple[float, float],
) -> tuple[Tensor, ...]:
    """Take one step of Nadam; return the scores before it, and the new state."""
    parameters, first, second, seen, *natural = state
    units, ways, number = given

    def run(sources: list[Tensor], watch: Callable[[list[Tensor]], object]) -> tuple[Tensor, Any]:
        images = _image(sources[0], tuple(natural), *values)
        watch([images])
        inputs = ops.reshape(motions.moved(images, ways), (ways.shape[0], -1, *images.shape[1:]))
        inputs_of_model = with_images(model, ops.zeros((1, *own), images.dtype), inputs, None, SPATIAL_AXIS)
        outputs, *_ = outputs_of(model, inputs_of_model)
        scores = ops.reshape(score_each(model, outputs, of_layer), (ways.shape[0], ops.shape(images)[0], -1))
        scores = ops.take_along_axis(ops.mean(scores, axis=0), units[:, None], axis=1)
        return scores, images

    with rectified(_awake):
        scores, images, back = vjp(run, [parameters])
        grads, at_pixels = back([parameters, images])
    if grads is None:
        raise ValueError(
            "The units must depend on the image, in a way that can be differentiated. "
            f"Received: {model.endpoints[0]}, which does not. Choose another `layer`."
        )
    # Of each image alone, whatever the scale of its score; what is but rounding must not count.
    axes = tuple(axis for axis in range(len(grads.shape)) if axis != (0 if natural else 1))
    grads = grads / (ops.sqrt(ops.mean(ops.square(grads), axis=axes, keepdims=True)) + 1e-30)
    first, second = 0.9 * first + 0.1 * grads, 0.999 * second + 0.001 * ops.square(grads)
    ahead = 0.9 * first / (1 - 0.9 ** (number + 1)) + 0.1 * grads / (1 - 0.9**number)
    size = ops.sqrt(second / (1 - 0.999**number)) + 1e-3
    seen = seen + ops.sum(ops.abs(at_pixels), axis=-1)
    return ops.squeeze(scores, 1), parameters + rate * ahead / size, first, second, seen


def _awake(grad: Tensor, back: Callable[[Tensor], Tensor]) -> Tensor:
    """Differentiate a ReLU; one that is 0 everywhere in an image, as if the gradients that raise it came through.

    A unit that is off for the first image would never be found.
    """
    usual = back(grad)
    alive = ops.any(ops.not_equal(usual, 0), axis=tuple(range(1, len(grad.shape))), keepdims=True)
    return ops.where(alive, usual, ops.maximum(grad, 0))
