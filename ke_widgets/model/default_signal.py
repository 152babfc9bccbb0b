"""Find the default signal of CAM methods, and the layers with a spatial signal."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from keras import ops

from ke_widgets.backend import TensorSpec, compiled, current_trace, vjp
from ke_widgets.model import callgraph, exposed, hooks, input_specs
from ke_widgets.model import layers as model_layers
from ke_widgets.model.callgraph import CallGraph
from ke_widgets.model.exposed import Endpoint, Link
from ke_widgets.model.planes import Planes
from ke_widgets.typing import Shape

POOLING_LAYERS = (
    keras.layers.Flatten,
    keras.layers.GlobalAveragePooling1D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalAveragePooling3D,
    keras.layers.GlobalMaxPooling1D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.GlobalMaxPooling3D,
)
_SCALING = (keras.layers.Normalization, keras.layers.Rescaling)
_ATTENTION = (keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention)
# The number of token signals, the last first, that are checked for a grid that reaches the scores.
_CHECKED = 128


def find_signal(model: keras.Model, known: CallGraph | None, index: int) -> Endpoint | None:
    """Return the default signal of an output.

    Args:
        model: The model.
        known: Its `CallGraph`, or `None`.
        index: Which of its outputs.

    Returns:
        An `Endpoint`, or `None` if no signal covers the image.

    Raises:
        Opaque: If the call graph lacks the calls inside a layer on the way.
    """
    found = None if known is None else _last_signal(model, known, index)
    return found if found is not None and _shows_features(known, found) else None


def _shows_features(known, endpoint):
    """Return whether a signal depends on learned weights: otherwise it shows the pixels themselves."""
    before = known.backwards(_tensor(known, endpoint))
    return any(getattr(s.operation, "weights", None) and not isinstance(s.operation, _SCALING) for s in before)


def _last_signal(model, known, index):
    hidden = _hidden(known)
    pooling = _pooling(known, known.outputs[index], hidden)
    planes = Planes(known)
    if pooling is not None and _goes_around(known, pooling, _signals(known, planes, known.outputs[index], hidden)):
        pooling = None
    if pooling is not None and planes.lie_over(pooling.inputs[0], also_one_place=True):
        return _endpoint(known, pooling, 0, "input")
    last = known.outputs[index] if pooling is None else pooling.inputs[0]
    for step in known.backwards(last):
        known.demand(step.operation)
    found = list(_signals(known, planes, last, hidden))
    tokens = [(step, number) for step, number in found[:_CHECKED] if planes.others(step.outputs[number])]
    if not found or found[0] not in tokens or pooling is not None:
        return _endpoint(known, *_innermost(known, hidden, *found[0])) if found else None
    # The head may read the class token alone: then the last block's grid does not affect the scores.
    counts = _grid_counts(model, known, index, [(*each, planes.others(each[0].outputs[each[1]])) for each in tokens])
    unused = {id(step.outputs[n]) for (step, n), counted in zip(tokens, counts) if not counted}
    used = [(step, number) for step, number in found if id(step.outputs[number]) not in unused]
    return _endpoint(known, *_innermost(known, hidden, *(used or found)[0]))


def _innermost(known, hidden, step, number):
    """Return the call that produced an output, and the output's index there, where a layer passes on inner outputs."""
    tensor = step.outputs[number]
    made = known.producer(tensor)
    if len(step.outputs) == 1 or made is None or hidden(made):
        return step, number
    return made, next(index for index, x in enumerate(made.outputs) if x is tensor)


def _pooling(known, output, hidden):
    """Return the last call before an output that pools over all positions, or `None`."""
    for step in known.backwards(output):
        known.demand(step.operation)
        if _pools(step) and not hidden(step):
            return step
    return None


def _goes_around(known, pooling, signals):
    """Return whether a signal after a pooling covers the image: such a pooling only weights channels."""
    order = {id(step): number for number, step in enumerate(known.steps)}
    last = next(signals, None)
    return last is not None and order[id(last[0])] > order[id(pooling)]


def _pools(step):
    """Return whether a call pools over all positions; a Flatten after a pooling does not."""
    if not isinstance(step.operation, POOLING_LAYERS) or not step.inputs:
        return False
    sides = step.inputs[0].shape[1:-1]
    if isinstance(step.operation, keras.layers.Flatten):
        return len(sides) > 0 and any(side is None or side > 1 for side in sides)
    return True


def _signals(known, planes, tensor, hidden):
    """Yield call and index of each output that covers the image and that `tensor` depends on, the latest first."""
    wanted = known.ancestors(tensor)
    for step in reversed(known.steps):
        if hidden(step) or isinstance(step.operation, keras.layers.InputLayer):
            continue
        for number, x in _latest_first(known, step):
            # Tokens of one number each are weights, as in attention pooling.
            weights = len(x.shape) == 3 and x.shape[-1] == 1 and planes.image is not None and len(planes.image) == 2
            if id(x) in wanted and not weights and planes.lie_over(x):
                yield step, number


def _latest_first(known, step):
    """Return index and tensor of a call's outputs, the latest first: it may pass on earlier tensors."""
    outputs = list(enumerate(step.outputs))
    if len(outputs) == 1:
        return outputs
    made = {id(each): number for number, each in enumerate(known.steps)}
    return sorted(outputs, key=lambda output: -made.get(id(known.producer(output[1])), 0))


def _hidden(known):
    """Return a function from a call to whether it is inside a layer of Keras's own, such as attention."""
    around = {step.path: step.operation for step in known.steps}

    def hidden(step):
        parts = step.path.split(model_layers.SEPARATOR)
        above = (around.get(model_layers.SEPARATOR.join(parts[:depth])) for depth in range(1, len(parts)))
        return any(_is_whole(operation) for operation in above if operation is not None)

    return hidden


def _is_whole(operation):
    """Return whether the inner layers of a layer are implementation details."""
    if isinstance(operation, _ATTENTION):
        return True
    own = type(operation).__module__.startswith("keras.")
    return own and not isinstance(operation, keras.Model | keras.layers.Wrapper | keras.layers.Pipeline)


def _endpoint(known, step, number, link: Link = "output"):
    node = "all" if _is_a_frame(known, step) else known.number(step)
    return Endpoint(step.path, link=link, node=node, index=number)


def _is_a_frame(known, step):
    """Return whether a call is one of those of a TimeDistributed of known length, one for each frame."""
    return any(
        isinstance(other.operation, keras.layers.TimeDistributed)
        and step.path.startswith(other.path + model_layers.SEPARATOR)
        for other in known.steps
    )


def _grid_counts(model, known, index, tokens):
    """Return for each token signal whether the scores depend on its grid.

    This checks the derivative on noise. Weights that are all 0, such as heads before training, would make it 0: they
    are replaced by random ones meanwhile, without a change to the model.

    Args:
        model: The model.
        known: Its `CallGraph`.
        index: Which of its outputs.
        tokens: A list of step, number of the output, and number of tokens before the grid.
    """
    operations = {id(step.operation): step.operation for step, *_ in tokens}.values()
    numbers = [0 if known.number(step) == "last" else known.number(step) for step, *_ in tokens]
    rng = np.random.default_rng(0)
    specs = [TensorSpec(x.shape, x.dtype) for x in known.inputs]

    def run(inputs, weights):
        def score(_, watch):
            with hooks.recording(operations, watch=watch) as tap:
                outputs = keras.tree.flatten(exposed.run(model, inputs, weights=weights))
            calls = [tap.calls[id(step.operation)][n] for (step, *_), n in zip(tokens, numbers)]
            signals = [callgraph.tensors(call.outputs)[k] for call, (_, k, _) in zip(calls, tokens)]
            return ops.sum(ops.cast(outputs[index], "float32") * noise), signals

        _, signals, back = vjp(score, [])
        slopes = back(signals, zeros=True)
        return [ops.any(ops.not_equal(slope[:, others:], 0)) for slope, (*_, others) in zip(slopes, tokens)]

    noise = rng.normal(size=[1, *known.outputs[index].shape[1:]]).astype("float32")

    def check():
        inputs = keras.tree.pack_sequence_as(known.structure, [input_specs.noise(spec, rng) for spec in specs])
        zero = [weight for weight in model.weights if _is_zero(weight)]
        filled = [ops.convert_to_tensor(rng.normal(size=weight.shape), weight.dtype) for weight in zero]
        counts = compiled(lambda x, values: run(x, list(zip(zero, values))))(inputs, filled)
        return [bool(each) for each in counts]

    if current_trace() is None:
        with hooks.suspended():
            return check()
    # While a function is being traced, values exist on another thread only (`outside_of_traces` stops tapes).
    with ThreadPoolExecutor(1) as other:
        return other.submit(check).result()


def _is_zero(weight):
    return "float" in str(weight.dtype) and not np.any(ops.convert_to_numpy(weight))


def find_spatial(
    known: CallGraph, index: int, signal: Endpoint | None, open_sides: bool = False
) -> tuple[dict[str, Shape], str | None]:
    """Return the last spatial signal's shape of each layer before an output that covers the image.

    Args:
        known: A `CallGraph`.
        index: Which of its outputs.
        signal: The `Endpoint` of the default signal, or `None`.
        open_sides: Whether the model takes images of any size, so that sides are unknown.

    Returns:
        A dict from path to shape; and the layer whose output is the default signal, else the last layer that feeds
        it.

    Raises:
        Opaque: If the call graph lacks the calls inside a layer on the way.
    """
    for step in known.backwards(known.outputs[index]):
        known.demand(step.operation)
    planes, hidden = Planes(known), _hidden(known)
    found = {}
    for step, number in _signals(known, planes, known.outputs[index], hidden):
        _, *sides, channels = step.outputs[number].shape
        found.setdefault(step.path, (None, *([None] * len(sides) if open_sides else sides), channels))
    tensor = known.outputs[index] if signal is None else _tensor(known, signal)
    feeding = ((step, n) for step, n in _signals(known, planes, tensor, hidden) if len(step.outputs[n].shape) > 2)
    made = known.producer(tensor)
    last = made.path if made is not None and made.path in found else next((step.path for step, _ in feeding), None)
    return found, last


def tokens_after(known: CallGraph, endpoint: Endpoint) -> int:
    """Return the number of tokens of a signal after the grid of the image.

    Args:
        known: A `CallGraph`.
        endpoint: The `Endpoint` of the signal.

    Returns:
        An integer.

    Raises:
        Opaque: If the call graph lacks the calls inside a layer on the way.
    """
    if all(step.path != endpoint.path for step in known.steps):
        raise callgraph.Opaque
    tensor = _tensor(known, endpoint)
    for step in known.backwards(tensor):
        known.demand(step.operation)
    return Planes(known).after(tensor)


def _tensor(known, endpoint):
    """Return the tensor of an endpoint in a call graph."""
    steps = [step for step in known.steps if step.path == endpoint.path]
    step = steps[endpoint.node if isinstance(endpoint.node, int) else -1]
    return (step.inputs if endpoint.link == "input" else step.outputs)[endpoint.index]
