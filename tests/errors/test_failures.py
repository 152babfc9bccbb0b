"""Of what a model raises one sentence is told: whether it ran eagerly, in a graph, or in Keras's `predict`."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from ke_widgets.errors import failures

MEMORY = "OOM when allocating tensor with shape[1,99999,99999] and type float"
PLACE = " on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc"


def raising(error):
    def call(x):
        raise error

    return call


def unequal(x):
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_max(x) < -9, ["pixels are wrong", x])]):
        return tf.identity(x)


def below(x):
    with tf.control_dependencies([tf.debugging.assert_less(x, -99.0, message="pixels must be negative")]):
        return tf.identity(x)


def unnamed(x):
    with tf.control_dependencies([tf.debugging.assert_less(x, -99.0)]):
        return tf.identity(x)


def of_another_size(x):
    size = tf.stack([tf.shape(x)[0], 77 + tf.cast(0 * tf.reduce_sum(x), "int32")])
    return x + tf.reduce_sum(tf.reshape(x, size))


def in_numpy(x):
    found = tf.numpy_function(raising(OSError("no disk")), [x], "float32")
    found.set_shape(x.shape)
    return found


CALLS = {
    "python": (raising(RuntimeError("the layer broke\nand more")), "^RuntimeError: the layer broke$", "go on"),
    "key": (raising(KeyError("missing")), "^KeyError: missing$", "go on"),
    "no words": (raising(RuntimeError()), "^RuntimeError$", "go on"),
    "own words": (raising(ValueError("`scale` must be 1.")), "^`scale` must be 1.$", None),
    "lines": (raising(ValueError("These are wrong:\n  a\n  b")), "^These are wrong: a$", None),
    "huge": (raising(ValueError("x" * 10**6 + repr(np.zeros((99, 99))))), "^x{299}…$", None),
    "memory": (raising(tf.errors.ResourceExhaustedError(None, None, MEMORY + PLACE)), "^OOM .* type float$", "memory"),
    "of Python": (
        raising(MemoryError("Unable to allocate 9 TiB")),
        "^MemoryError: Unable to allocate 9 TiB$",
        "memory",
    ),
    "assert": (unequal, "^pixels are wrong$", "go on"),
    "assert_less": (below, "^pixels must be negative$", "go on"),
    "assert unnamed": (unnamed, "^Condition x < y did not hold", "go on"),
    "NaN": (lambda x: tf.debugging.check_numerics(x * np.nan, "in my layer"), "^in my layer.* NaN values$", "infinite"),
    "shapes": (lambda x: x + tf.ones((1, 5, 5, 4)), "^(Incompatible shapes: |Dimensions must be)", "do not fit"),
    "in a run": (of_another_size, "^Input to reshape .* 144 values, but the requested shape has 77$", "do not fit"),
    "division": (lambda x: tf.cast(tf.cast(x, "int32") // tf.cast(0 * x, "int32"), "float32"), "^Integer div", "go on"),
    "in NumPy": (in_numpy, "OSError: no disk$", "go on"),
}


@keras.saving.register_keras_serializable("tests")
class Broken(keras.layers.Layer):
    """Runs a function once it is switched on."""

    function = None

    def call(self, x):
        return x if self.function is None else self.function(x)

    def compute_output_shape(self, shape):
        return shape


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = Broken(name="broken")(x)
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))


def in_predict(model):
    model.predict_function = None
    return lambda x: model.predict(x, verbose=0)


WAYS = {"eagerly": lambda model: model, "in a graph": lambda m: tf.function(lambda x: m(x)), "in predict": in_predict}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", CALLS)
def test_one_sentence_of_an_exception_is_told_and_the_rest_kept(model, kind, way):
    function, message, advice = CALLS[kind]
    model.get_layer("broken").function = function
    try:
        with pytest.raises(Exception) as caught:  # noqa: PT011  (of any type)
            WAYS[way](model)(np.ones((1, 8, 8, 3), "float32"))
    finally:
        model.get_layer("broken").function = None
    said = failures.sentence(caught.value)
    assert len(said) <= 330
    for noise in (
        "\n",
        "\x1b",
        "{{node",
        "function_node",
        "[Op:",
        "Arguments received",
        "Exception encountered",
        "File ",
    ):
        assert noise not in said

    assert re.search(message, said), said
    found = failures.hint(caught.value)
    assert (found is None) if advice is None else advice in (found or "")
    kept = failures.details(caught.value)
    assert kept.startswith("Traceback (most recent call last):")
    assert "\x1b" not in kept
    assert len(kept) < 21_000


def test_what_this_package_refuses_is_told_whole_and_has_no_details():
    from ke_widgets.widget.session.by_name import number

    with pytest.raises(ValueError, match="`image_index`") as caught:
        number("image_index", 9, 3, "images")
    assert failures.sentence(caught.value) == str(caught.value)
    assert failures.details(caught.value) is None
    assert failures.hint(caught.value) is None
