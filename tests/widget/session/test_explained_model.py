"""The layers that the widget offers, where it starts, and that what it shows there is the layer's map."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.widget.images.images import Images
from ke_widgets.widget.session import classes
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.explained_model import ExplainedModel
from tests import models
from tests.model.test_default_signal import SQUARE, VITS, WIDE, Block, Nested, Subclassed, head, network, vit
from tests.model.test_locate import Shapeless


class Net(keras.Model):
    def __init__(self, name="net"):
        super().__init__(name=name)
        self.first, self.second = layers.Conv2D(4, 3, name="first"), layers.Conv2D(4, 3, name="second")
        self.pool = layers.GlobalAveragePooling2D(name="pool")

    def call(self, x):
        return self.pool(self.second(self.first(x)))


class Stage(layers.Layer):
    """A custom layer that holds a block in a list."""

    def __init__(self):
        super().__init__(name="stage")
        self.parts = [layers.Conv2D(4, 3, name="first"), layers.Conv2D(4, 3, name="second")]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def sequential(*parts):
    return models.randomize(keras.Sequential([keras.Input(WIDE), *parts, layers.Dense(3, name="scores")]))


def functional(part):
    inputs = keras.Input(WIDE)
    x = part(layers.Rescaling(1 / 2, name="rescaling")(inputs))
    return models.randomize(keras.Model(inputs, head(x) if len(x.shape) == 4 else layers.Dense(3, name="scores")(x)))


def subclassed():
    model = Subclassed(2, (4, 6))
    model(models.images(1, WIDE))
    return models.randomize(model)


MODELS = {
    "a subclassed model in a Sequential": (
        lambda: sequential(layers.Rescaling(1 / 2, name="rescaling"), Net()),
        ["rescaling", "net/first", "net/second"],
        "net/second",
    ),
    "a subclassed model in a graph": (
        lambda: functional(Net()),
        ["rescaling", "net/first", "net/second"],
        "net/second",
    ),
    "a custom layer in a graph": (
        lambda: functional(Stage()),
        ["rescaling", "stage", "stage/first", "stage/second"],
        "stage/second",
    ),
    "one in another": (
        lambda: sequential(keras.Sequential([layers.Rescaling(1 / 2, name="rescaling"), Net()], name="outer")),
        ["outer/rescaling", "outer/net/first", "outer/net/second"],
        "outer/net/second",
    ),
    "turned inside": (lambda: network(lambda x: Nested()(x), WIDE), ["conv", "nested/first"], "nested/first"),
    "class token": (
        lambda: vit(VITS["class token"][0], WIDE),
        ["patch", "tokens", "token", "block0", "block0/norm1", "block0/mha", "block1/norm1", "norm"],
        "block1/norm1",
    ),
    "registers, pooled": (
        lambda: vit(VITS["pooling over registers"][0], WIDE),
        ["patch", "tokens", "block0", "block1", "block1/mlp"],
        "block1",
    ),
    "a subclassed transformer": (subclassed, ["patch", "token", "block0", "block1/norm1"], "block1/norm1"),
}


def images(shape=WIDE):
    return Images(models.images(2, shape), shape)


def explanation(explained, layer):
    (*_, finish) = list(explained.steps(Choice(0, layer, 1, "gradcam", {})))[-1]
    return finish()


@pytest.mark.parametrize("kind", MODELS)
def test_layers_at_any_depth_are_offered_and_the_one_that_counts_is_looked_at(kind):
    build, offered, default = MODELS[kind]
    model = build()
    model(models.images(1, WIDE))  # Keras notes what runs for the first time.
    before = models.snapshot(model)
    explained = ExplainedModel(model, images())
    assert explained.default_layer == default
    assert [path for path in explained.layers if path in offered] == offered
    for path in explained.layers:
        explained.check_layer(path)
    shown = explanation(explained, default)
    _, maps = gradcam(expose(model, default), models.images(2, WIDE)[:1], np.array([[1]]))
    np.testing.assert_allclose(shown.map, maps[0, ..., 0], rtol=1e-4, atol=1e-6)
    assert np.abs(shown.map).max() > 0
    assert models.same(before, models.snapshot(model)) == []


@pytest.mark.parametrize("kind", MODELS)
def test_all_layers_at_once_have_the_maps_that_each_has_alone(kind):
    model = MODELS[kind][0]()
    explained = ExplainedModel(model, images())
    assert explained.why_not_at_all_layers is None
    found, _ = explained.at_all_layers(Choice(0, "", 1, "gradcam", {}))
    assert len(found) == len(explained.layers)
    for path, each in zip(explained.layers, found):
        _, maps = gradcam(expose(model, path), models.images(2, WIDE)[:1], np.array([[1]]))
        np.testing.assert_allclose(each, maps[0, ..., 0], rtol=1e-3, atol=1e-5, err_msg=path)


def test_a_layer_that_lies_on_its_side_is_refused_with_those_that_fit():
    explained = ExplainedModel(
        network(lambda x: layers.Flatten()(layers.Permute((2, 1, 3), name="turn")(x)), WIDE), images()
    )
    with pytest.raises(ValueError, match=r"rows and columns are the image's.*layer='turn'.*Layers that fit: conv\."):
        explained.check_layer("turn")


def test_a_model_of_unknown_input_is_shown_since_its_images_are_known():
    model = Shapeless()
    model.build()
    models.randomize(model)
    explained = ExplainedModel(model, Images(models.images(2), models.IMAGE))
    assert (explained.layers, explained.default_layer) == (["conv"], "conv")
    kernel = np.asarray(model.scores.kernel)
    expected = (np.asarray(model.conv(models.images(2)[:1])) @ kernel / 36)[0, ..., 1]
    np.testing.assert_allclose(explanation(explained, "conv").map, expected, rtol=1e-4, atol=1e-6)


def test_a_model_without_a_place_has_no_layer_to_look_at():
    model = models.randomize(keras.Sequential([keras.Input(SQUARE), layers.Flatten(), layers.Dense(3)]))
    explained = ExplainedModel(model, Images(models.images(1, SQUARE), SQUARE))
    assert (explained.layers, explained.default_layer) == ([], "")


def test_nothing_inside_of_keras_attention_is_offered():
    model = vit(lambda x: ops.mean(Block("block")(x), 1), SQUARE)
    assert not [path for path in ExplainedModel(model, images(SQUARE)).layers if "mha/" in path]


def test_once_the_model_is_compiled_no_image_is_run_eagerly(monkeypatch):
    runs, original = [], classes.forward
    monkeypatch.setattr(classes, "forward", lambda *given: (runs.append(1), original(*given))[1])
    model, images = models.fused(), models.images(5)
    explained = ExplainedModel(model, Images(images, (8, 8, 3)))
    assert not explained.is_compiled
    eager = explained.scores(range(3))
    explained.prepare(Choice(0, explained.default_layer, 0, "gradcam", {}))
    assert explained.is_compiled
    before = len(runs)
    np.testing.assert_allclose(explained.scores(range(5)), model(images), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(eager, model(images[:3]), rtol=1e-5, atol=1e-6)
    assert len(runs) == before


def test_the_scores_of_many_images_read_each_once_and_leave_the_shown_ones_in_memory(monkeypatch):
    read, original = [], Images.inputs
    monkeypatch.setattr(Images, "inputs", lambda self, index: (read.append(index), original(self, index))[1])
    explained = ExplainedModel(models.fused(), Images(models.images(8), (8, 8, 3)))
    explained.prepare(Choice(0, explained.default_layer, 0, "gradcam", {}))
    read.clear()
    for index in range(1, 8):
        explained.scores([index])
    assert read == list(range(1, 8))
    explained.prepare(Choice(0, explained.default_layer, 0, "gradcam", {}))
    assert read == list(range(1, 8)), "the image on show was read again"
