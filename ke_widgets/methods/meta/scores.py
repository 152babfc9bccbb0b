"""Methods that explain another score: the difference of two units, or the negative of one."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras

from ke_widgets.methods import Evaluations
from ke_widgets.methods.cams import cam
from ke_widgets.methods.meta.wrapping import made_of, named
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.targets import Contrast, Units
from ke_widgets.typing import Method, ScoreFunction, Tensor


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

        return named(retargeted, verb, method)
    same = {field.name: getattr(evaluations, field.name) for field in dataclasses.fields(Evaluations)}
    return made_of(method, verb, _Retargeted(**same, inner=evaluations, view=view))


@dataclasses.dataclass(frozen=True)
class _Retargeted(Evaluations):
    """The `inner` evaluations, of `view(model)`."""

    inner: Evaluations = dataclasses.field(kw_only=True)
    view: Callable[[keras.Model], keras.Model] = dataclasses.field(kw_only=True)

    def start(self, model: keras.Model, *args: Any, **params: Any) -> tuple[Any, ...]:
        return self.inner.start(self.view(model), *args, **params)

    def _ask(self, model: keras.Model, *args: Any, **params: Any) -> Tensor:
        return self.inner._ask(self.view(model), *args, **params)


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

    return named(negated, "negate", method)
