"""Which tensors lie over the image, as a drawing of each network says; a graph and a trace agree."""

import keras
import pytest
from keras import layers, ops

from ke_widgets.model import callgraph
from ke_widgets.model.planes import Planes, channels_come_first
from tests import models


def planes(model, trace=False):
    """The planes of a model, and a function that gives the tensor that a layer made."""
    known = callgraph.from_trace(model) if trace else callgraph.from_functional(model)
    made = {step.path: step.outputs[0] for step in known.steps}
    return Planes(known), made


def network(shape, *body):
    """A chain of layers, called by their names."""
    x = inputs = keras.Input(shape)
    for layer in body:
        x = layer(x)
    return keras.Model(inputs, x)


def over(shape, *body, trace=False):
    """The names of the layers whose output lies over the image."""
    found, made = planes(network(shape, *body), trace)
    return [layer.name for layer in body if found.lie_over(made[layer.name])]


def conv(name="conv", strides=1, **options):
    return layers.Conv2D(4, 3, strides, padding="same", name=name, **options)


BODIES = {
    "convolutions": ((8, 6, 3), [conv(), layers.MaxPooling2D(name="pool"), conv("more")], ["conv", "pool", "more"]),
    "turned": ((8, 6, 3), [conv(), layers.Permute((2, 1, 3), name="turned")], ["conv"]),
    "turned, of equal sides": ((8, 8, 3), [conv(), layers.Permute((2, 1, 3), name="turned")], ["conv"]),
    "turned twice": (
        (8, 6, 3),
        [layers.Permute((2, 1, 3), name="turned"), layers.Permute((2, 1, 3), name="back")],
        ["back"],
    ),
    "tokens": ((8, 6, 3), [conv(), layers.Reshape((48, 4), name="tokens")], ["conv", "tokens"]),
    "tokens, columns first": (
        (8, 6, 3),
        [layers.Permute((2, 1, 3), name="turned"), layers.Reshape((48, 3), name="tokens")],
        [],
    ),
    "tokens and back": (
        (8, 6, 3),
        [layers.Reshape((48, 3), name="tokens"), layers.Reshape((8, 6, 3), name="grid")],
        ["tokens", "grid"],
    ),
    "tokens and back, turned": (
        (8, 6, 3),
        [layers.Reshape((48, 3), name="tokens"), layers.Reshape((6, 8, 3), name="grid")],
        ["tokens"],
    ),
    "one place": ((8, 6, 3), [conv(), layers.GlobalAveragePooling2D(keepdims=True, name="pool")], ["conv"]),
    "no place": (
        (8, 6, 3),
        [conv(), layers.GlobalAveragePooling2D(name="pool"), layers.Dense(2, name="out")],
        ["conv"],
    ),
    "volume": (
        (4, 6, 8, 2),
        [layers.Conv3D(3, 3, padding="same", name="conv"), layers.Permute((3, 2, 1, 4), name="turned")],
        ["conv"],
    ),
    "signal": ((20, 3), [layers.Conv1D(4, 3, name="conv"), layers.LSTM(5, return_sequences=True, name="loop")], [0, 1]),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("trace", [False, True], ids=["graph", "trace"])
def test_the_layers_over_the_image_are_those_of_the_drawing(kind, trace):
    shape, body, expected = BODIES[kind]
    expected = [body[name].name if isinstance(name, int) else name for name in expected]
    assert over(shape, *body, trace=trace) == expected


def test_a_single_place_counts_where_it_is_asked_for():
    found, made = planes(network((8, 6, 3), layers.GlobalAveragePooling2D(keepdims=True, name="pool")))
    assert not found.lie_over(made["pool"])
    assert found.lie_over(made["pool"], also_one_place=True)


class Others(layers.Layer):
    """Puts `before` tokens before those of the image, and `after` after them."""

    def __init__(self, before, after, **kwargs):
        super().__init__(**kwargs)
        self.before, self.after = before, after

    def call(self, x):
        def zeros(number):
            return ops.zeros((ops.shape(x)[0], number, x.shape[-1]))

        return ops.concatenate([zeros(self.before), x, zeros(self.after)], axis=1)


@pytest.mark.parametrize(("before", "after", "lies"), [(1, 0, True), (2, 0, True), (0, 1, False), (1, 2, False)])
@pytest.mark.parametrize("trace", [False, True], ids=["graph", "trace"])
def test_tokens_before_and_after_the_grid_are_counted(before, after, lies, trace):
    tokens = [layers.Reshape((48, 3), name="tokens"), Others(before, after, name="others")]
    found, made = planes(network((8, 6, 3), *tokens), trace)
    assert found.lie_over(made["others"]) is lies
    assert (found.others(made["others"]), found.after(made["others"])) == (before + after, after)
    assert (found.others(made["tokens"]), found.after(made["tokens"])) == (0, 0)


def test_of_an_attention_the_one_that_asks_says_where_its_answer_is():
    image = keras.Input((8, 6, 3))
    rows = layers.Reshape((48, 3))(image)
    columns = layers.Reshape((48, 3))(layers.Permute((2, 1, 3))(image))
    asked_by_rows = layers.MultiHeadAttention(1, 2, name="rows")(rows, columns)
    asked_by_columns = layers.MultiHeadAttention(1, 2, name="columns")(columns, rows)
    found, made = planes(keras.Model(image, [asked_by_rows, asked_by_columns]))
    assert (found.lie_over(made["rows"]), found.lie_over(made["columns"])) == (True, False)


def test_windows_on_the_batch_axis_do_not_lie_over_the_image():
    inputs = keras.Input((8, 6, 3))
    halves = ops.reshape(layers.Conv2D(4, 1, name="conv")(inputs), (-1, 4, 6, 4))
    found, made = planes(keras.Model(inputs, layers.Conv2D(4, 1, name="inner")(halves)))
    assert (found.lie_over(made["conv"]), found.lie_over(made["inner"])) == (True, False)


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((8, 6, 3), (8, 6)),
        ((3, 8, 6), (8, 6)),  # few channels, first
        ((28, 28), (28, 28)),  # grey, without a channel
        ((100, 6), (100,)),  # a signal
        ((4, 6, 8, 2), (4, 6, 8)),
        ((7,), None),
    ],
)
def test_the_sides_of_the_image_are_read_off_what_the_model_takes(shape, image):
    assert planes(network(shape, layers.Activation("relu")))[0].image == image


@pytest.mark.parametrize(
    ("shape", "otherwise", "first"),
    [
        ((None, 3, 8, 8), False, True),
        ((None, 8, 8, 3), True, False),
        ((None, 3, 8, 3), True, True),  # both few: as the layers say
        ((None, 3, 8, 3), False, False),
        ((None, 16, 8, 16), True, True),
        ((None, None, None, 3), True, False),
    ],
)
def test_channels_are_where_at_most_four_are(shape, otherwise, first):
    assert channels_come_first(shape, otherwise) is first


def test_a_graph_and_a_trace_agree_on_a_nested_model():
    model = models.attention()
    answers = []
    for trace in (False, True):
        found, made = planes(model, trace)
        answers.append({path: bool(found.lie_over(tensor)) for path, tensor in made.items()})
    assert answers[0] == {path: answers[1][path] for path in answers[0]}
    assert [path for path, lies in answers[0].items() if lies] == ["conv", "tokens", "attention", "add", "norm"]
