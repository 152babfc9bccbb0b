"""A model that raises is answered once, in the pane that asked, in one sentence; the rest of the widget goes on."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.widget.view import ExplainerWidget
from tests.widget.page import LONG, Page

MEMORY = "OOM when allocating tensor with shape[9,9999] and type float on /job:localhost/device:GPU:0 by allocator a"


class Breaks(keras.layers.Layer):
    """Passes on what comes in; of an image that is white it does what it is told."""

    function = None

    def call(self, x):
        return x if self.function is None else self.function(x)

    def compute_output_shape(self, shape):
        return shape


def raising(error):
    def call(x):
        raise error

    return call


def asserting(x):
    with tf.control_dependencies([tf.debugging.assert_less(x, 0.99, message="a pixel is white")]):
        return tf.identity(x)


def reshaping(x):
    size = tf.where(tf.reduce_max(x) > 0.99, 77, tf.size(x))
    return x + 0 * tf.reduce_sum(tf.reshape(x, [size]))


FOUND_BY_A_RUN = {
    "assert": (asserting, "^a pixel is white$", "go on"),
    "NaN": (
        lambda x: tf.debugging.check_numerics(x / tf.cast(tf.reduce_max(x) < 0.99, "float32"), "in my layer"),
        "^in my layer .* values$",
        "NaN or infinite",
    ),
    "shapes": (reshaping, "^Input to reshape is a tensor with 192 values, but the requested shape has 77$", "shapes"),
}
FOUND_BY_A_TRACE = {
    "python": (RuntimeError("the layer broke\nand more"), "^RuntimeError: the layer broke$", "go on"),
    "memory": (tf.errors.ResourceExhaustedError(None, None, MEMORY), "^OOM .* type float$", "smaller images"),
    "huge": (ValueError("long " * 10**5 + repr(np.zeros((99, 99)))), "^(long )+long…$|^[long ]+…$", None),
    "key": (KeyError("missing"), "^KeyError: missing$", "go on"),
}


@pytest.fixture
def images():
    images = np.zeros((4, 8, 8, 3), "uint8")
    images[2] = 255
    return images


def broken(function=None):
    layer = Breaks(name="breaks")
    layer.function = function
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 3, name="stem")(layer(keras.layers.Rescaling(1 / 255)(inputs)))
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))), layer


def errors(page):
    return [content for content in page.received if content["kind"] == "error"]


def check(error, id, pane, message, advice):
    assert (error["id"], error["pane"]) == (id, pane)
    with pytest.raises(Exception, match=message):
        raise Exception(error["message"])
    assert "\n" not in error["message"]
    assert len(error["message"]) <= 330
    assert (error["hint"] is None) if advice is None else advice in error["hint"]
    assert error["details"].startswith("Traceback (most recent call last)")
    assert len(error["details"]) < 21_000
    assert not {"\x1b"} & set(error["message"] + error["details"])


@pytest.mark.parametrize("kind", FOUND_BY_A_RUN)
@pytest.mark.parametrize("pane", [0, 1])
def test_what_a_run_finds_is_told_once_where_it_was_asked(images, kind, pane):
    function, message, advice = FOUND_BY_A_RUN[kind]
    with contextlib.closing(ExplainerWidget(broken(function)[0], images, charts=False, panes=[{}])) as widget:
        first = widget.wait(LONG)
        page = Page(widget)
        page.explain("a", pane=pane, image_index=2)
        with contextlib.nullcontext() if pane else pytest.raises(tf.errors.InvalidArgumentError):
            widget.wait(LONG)
        (error,) = errors(page)
        check(error, "a", pane, message, advice)
        predictions = page.predictions(0, 1, 2, 3)
        assert [top >= 0 for top in predictions["top"]] == [True, True, False, True], "the white image costs the others"
        page.explain("b", pane=pane, image_index=3)
        assert np.array_equal(widget.wait(LONG).map, first.map)
        assert len(errors(page)) == 1


@pytest.mark.parametrize("kind", FOUND_BY_A_TRACE)
def test_what_python_raises_in_a_layer_is_told_once_and_wait_raises_it(images, kind):
    raised, message, advice = FOUND_BY_A_TRACE[kind]
    model, layer = broken()
    with contextlib.closing(ExplainerWidget(model, images, charts=False)) as widget:
        widget.wait(LONG)
        page = Page(widget)
        layer.function = raising(raised)
        page.explain("a", method="gradients")
        with pytest.raises(type(raised)):
            widget.wait(LONG)
        (error,) = errors(page)
        check(error, "a", 0, message, advice)
        layer.function = None
        page.explain("b", method="gradients")
        assert widget.wait(LONG).method == "gradients"
        assert len(errors(page)) == 1


def test_what_preprocess_raises_is_told_of_its_image_alone(images):
    def preprocess(batch):
        if batch.max() > 200:
            raise OSError("the camera is off")
        return batch

    with contextlib.closing(ExplainerWidget(broken()[0], images, preprocess=preprocess, charts=False)) as widget:
        widget.wait(LONG)
        page = Page(widget)
        page.explain("a", image_index=2)
        with pytest.raises(OSError, match="camera"):
            widget.wait(LONG)
        (error,) = errors(page)
        check(error, "a", 0, "^OSError: the camera is off$", "go on")
        predictions = page.predictions(0, 1, 2, 3)
        assert [top >= 0 for top in predictions["top"]] == [True, True, False, True]
        page.explain("b", image_index=3)
        assert widget.wait(LONG).image_index == 3


def test_a_model_that_does_not_run_at_all_is_refused_in_one_sentence(images):
    for raised in (
        RuntimeError("the layer broke\nand more"),
        tf.errors.InvalidArgumentError(None, None, "of TensorFlow"),
    ):
        model, layer = broken()
        layer.function = raising(raised)
        with pytest.raises(
            ValueError, match=r"`model` must run on the images.*(the layer broke|of TensorFlow)$"
        ) as caught:
            ExplainerWidget(model, images)
        assert len(str(caught.value)) < 300
        assert "\n" not in str(caught.value)
