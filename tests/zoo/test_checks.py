"""The checks themselves: what is right passes, and each kind of wrong number, place or refusal is told."""

import keras
import numpy as np
import pytest
from keras import layers

import ke_widgets as ke
from tests.models import randomize
from tests.zoo import checks, plain, preparing, verdicts
from tests.zoo.rows import Row

IMAGES = preparing.images((16, 16, 3), count=2)


def cnn():
    x = inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    x = layers.Conv2D(6, 3, strides=2, activation="gelu", name="last")(x)
    x = layers.Dense(8, activation="gelu")(layers.GlobalAveragePooling2D()(x))
    return randomize(keras.Model(inputs, layers.Dense(3, activation="softmax")(x)))


class Tokens(layers.Layer):
    """Put a learned token before the others, or after them."""

    def __init__(self, before, **options):
        super().__init__(**options)
        self.before = before

    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer="random_normal", name="token")

    def call(self, x):
        token = keras.ops.broadcast_to(self.token, (keras.ops.shape(x)[0], 1, x.shape[-1]))
        return keras.ops.concatenate([token, x] if self.before else [x, token], axis=1)


def vit(before=True):
    x = inputs = keras.Input((16, 16, 3))
    x = layers.Reshape((16, 8))(layers.Conv2D(8, 4, strides=4)(x))
    x = Tokens(before, name="tokens")(x)
    x = x + layers.MultiHeadAttention(2, 4)(x, x)
    x = layers.Dense(8, activation="gelu")(layers.LayerNormalization()(x)[:, 0 if before else -1])
    return randomize(keras.Model(inputs, layers.Dense(3)(x)))


def gradcam(model, row, layer=None):
    run = plain.logits_of(model, row)
    return checks.gradcam(model, row, run, IMAGES, 1, checks.view(model, row, layer))


def test_right_numbers_of_a_cnn_pass():
    model, row = cnn(), Row("a.cnn", cnn)
    run = plain.logits_of(model, row)
    assert checks.gradients(model, row, run, IMAGES, 1) < checks.EXACT
    assert checks.sums(model, row, run, IMAGES, 1) < checks.EXACT
    assert gradcam(model, row) < row.loose
    assert gradcam(model, row, "conv") < row.loose


@pytest.mark.parametrize(
    "spoil",
    [
        lambda maps: 1.1 * maps,
        lambda maps: np.roll(maps, 1, axis=1),
        lambda maps: maps.swapaxes(1, 2),
        lambda maps: maps + 0.1 * np.abs(maps).max(),
        lambda maps: -maps,
    ],
    ids=["scaled", "shifted", "transposed", "raised", "negated"],
)
def test_a_wrong_map_is_told(spoil, monkeypatch):
    model, row, right = cnn(), Row("a.cnn", cnn), checks.raw_map
    monkeypatch.setattr(checks, "raw_map", lambda *args: spoil(right(*args)))
    assert gradcam(model, row, "conv") > row.loose


def test_a_map_of_another_layer_is_told(monkeypatch):
    model, row, right = cnn(), Row("a.cnn", cnn), checks.raw_map
    other = checks.view(model, row, "last")
    monkeypatch.setattr(checks, "raw_map", lambda exposed, *args: right(other, *args))
    with pytest.raises(checks.Misplaced, match="6x6, of a signal 14x14x4"):
        gradcam(model, row, "conv")


def test_the_gradient_of_a_probability_is_not_taken_for_the_logits():
    model, row = cnn(), Row("a.cnn", cnn)
    assert checks.gradients(model, row, model, IMAGES, 1) > 0.1


def test_tokens_in_their_places_pass():
    row = Row("a.vit", vit, kind="tokens", before=1, grids=((4, 4),))
    assert gradcam(vit(), row, "tokens") < row.loose


def test_tokens_taken_for_their_neighbours_are_told(monkeypatch):
    model, row = vit(before=False), Row("a.vit", vit, kind="tokens", after=1, grids=((4, 4),))
    signal = np.asarray(checks.view(model, row, "tokens")(IMAGES)[1])
    monkeypatch.setattr(checks, "raw_map", lambda *_: signal[:, 1:, 0].reshape(-1, 4, 4))
    assert gradcam(model, row, "tokens") > row.loose


@pytest.mark.parametrize("shape", [(2, 17, 2), (4, 4, 4), (2, 2, 8)], ids=["heads", "windows", "another grid"])
def test_a_map_that_does_not_lie_over_the_image_is_told(shape, monkeypatch):
    row = Row("a.vit", vit, kind="tokens", before=1, grids=((4, 4),))
    monkeypatch.setattr(checks, "raw_map", lambda *_: np.ones(shape))
    with pytest.raises(checks.Misplaced):
        gradcam(vit(), row, "tokens")


def test_a_map_of_zeros_is_told(monkeypatch):
    row = Row("a.vit", vit, kind="tokens", before=1, grids=((4, 4),))
    monkeypatch.setattr(checks, "raw_map", lambda *_: np.zeros((2, 4, 4)))
    with pytest.raises(checks.Misplaced, match="zero everywhere"):
        gradcam(vit(), row, "tokens")


def test_only_an_error_that_says_what_was_received_is_a_refusal():
    with pytest.raises(checks.Refused):
        checks.called(ke.inspection.expose, cnn(), "nowhere")
    with pytest.raises(ValueError, match="incompatible"):
        checks.called(cnn(), np.zeros((1, 5)))


def test_weights_hide_nothing_and_normalisations_fit_the_images():
    x = inputs = keras.Input((16, 16, 3))
    norm = layers.BatchNormalization()
    x = norm(layers.Conv2D(4, 3)(x))
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    many = preparing.images((16, 16, 3))
    preparing.fill(model, many)
    assert all(np.abs(weight).max() > 0 for weight in model.get_weights())
    values = np.asarray(keras.Model(inputs, x)(many)) - np.asarray(norm.beta)
    np.testing.assert_allclose(values.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(axis=(0, 1, 2)), 1, rtol=0.05)


RIGHT = {"gradients": 1e-6, "gradcam": 1e-4, "sum": 1e-6, "widget": 0.0, "opens": "a", "map": "4x4", "size": "4x4"}


@pytest.mark.parametrize(
    ("kind", "changed", "bad"),
    [
        ("cnn", {}, False),
        ("cnn", {"gradients": 0.01}, True),
        ("cnn", {"gradcam": "refused: no"}, True),
        ("cnn", {"sum": 0.01}, True),
        ("cnn", {"widget": "refused: no"}, True),
        ("cnn", {"map": "64x64", "default": "b"}, True),
        ("tokens", {"block": 1e-4}, False),
        ("tokens", {"block": 1e-4, "gradcam": "refused: no"}, False),
        ("tokens", {"block": 1e-4, "gradcam": "nonsense: 65x4"}, True),
        ("tokens", {"block": 1e-4, "gradcam": "error: TypeError"}, True),
        ("tokens", {"block": "refused: no"}, True),
        ("tokens", {"block": 1e-4, "map": "65x4"}, True),
        ("dense output", {"expose": "refused: no", "widget": "refused: no"}, False),
        ("dense output", {"expose": "error: TypeError"}, True),
        ("no layer", {"widget": "refused: no"}, False),
        ("cnn", {"crash": "the process ended with -11"}, True),
    ],
)
def test_a_verdict(kind, changed, bad):
    row = Row("a.row", cnn, kind=kind, sums=True, block="block" if kind == "tokens" else None, grids=((4, 4),))
    assert bool(verdicts.wrong({**RIGHT, **changed}, row)) == bad
