"""The view of a model that a method explains: what it exposes, and its target."""

from collections.abc import Callable
from typing import Any

import keras

from ke_widgets.inspection import check_model, check_target, expose
from ke_widgets.methods import table
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.model.heads import manual_signals
from ke_widgets.model.locate import head_index, warn_of_probabilities
from ke_widgets.targets import Units
from ke_widgets.typing import Reads, ScoreFunction


def retargeted(model: keras.Model, target: ScoreFunction | None, method: Callable[..., Any]) -> keras.Model:
    """Return a view of a model with another target.

    Args:
        model: A Keras model.
        target: See `explain`; `None` leaves the model as it is.
        method: A method.

    Returns:
        A Keras model.
    """
    if target is None:
        return model
    _, spec = table().get(getattr(method, "__name__", ""), (None, None))
    return view_for(model, spec.reads if spec else "signal", target)


def view_for(model: keras.Model, reads: Reads | None, target: ScoreFunction | None = None) -> keras.Model:
    """Expose a plain model with one output for a method; leave any other model as it is.

    Args:
        model: A Keras model; a user's own `keras.Model(inputs, [logits, *signals])` keeps its signals.
        reads: What the method reads: `"signal"`, for the default signal; `"inputs"` or `"attention"`, for the logits
            before a fused softmax or sigmoid; `None` or `"biases"`, for the model itself.
        target: What is explained; `None` for the target of an exposed model, else for units of the logits.

    Returns:
        A Keras model.

    Raises:
        ValueError: If the model has several outputs and none is chosen.
    """
    check_model(model)
    check_target(target)
    if target is not None:
        return _view_of_target(model, reads, target)
    if reads is None or isinstance(model, Exposed) or manual_signals(model):
        return model
    if reads == "biases":
        head_index(model, None)
        warn_of_probabilities(model)
        return model
    return expose(model) if reads == "signal" else expose(model, [])


def _view_of_target(model: keras.Model, reads: Reads | None, target: ScoreFunction) -> keras.Model:
    if not isinstance(model, Exposed) and manual_signals(model):
        return _view_of_manual(model, reads, target)
    if not isinstance(model, Exposed):
        return expose(model, None if reads in ("signal", None) else [], target=target)
    scores, *others = model.endpoints
    if getattr(target, "reads", "logits") != getattr(model.target, "reads", "logits"):
        scores = expose(model.model, [], target=target).endpoints[0]
    return Exposed(model.model, [scores, *others], target)


def _view_of_manual(model: keras.Model, reads: Reads | None, target: ScoreFunction) -> keras.Model:
    """Put a target on a user's own `keras.Model(inputs, [logits, *signals])`: it reads the first output, as it is."""
    if type(target) is Units:
        return model  # Its units are explained without a target too, by every method.
    number = len(model.outputs) if reads in ("signal", None) else 1
    scores = Endpoint("", index="all") if getattr(target, "reads", "logits") == "outputs" else Endpoint("")
    return Exposed(model, [scores, *(Endpoint("", index=index) for index in range(1, number))], target)
