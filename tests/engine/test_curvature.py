import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.engine.curvature import signal_curvature
from ke_widgets.engine.gradients import signal_jacobian
from ke_widgets.engine.substitution import run_for_substitution, substituted
from ke_widgets.inspection import expose
from tests.methods.networks import WIDE, conv, images, network, randomize

IMAGES = images()
SECOND = {
    "convolution": lambda x: conv(4, name="second", activation="tanh")(x),
    "gelu and pooling": lambda x: layers.MaxPooling2D(**WIDE)(layers.Activation("gelu", **WIDE)(x)),
    "batch normalization": lambda x: layers.Activation("silu", **WIDE)(layers.BatchNormalization(**WIDE)(x)),
    "nearest": lambda x: layers.Activation("tanh", **WIDE)(layers.UpSampling2D(**WIDE)(x)),
    "attention": lambda x: attention(layers.Reshape((16, 3), **WIDE)(x)),
}
WITHOUT = {
    "layer normalization": lambda x: layers.LayerNormalization(**WIDE)(x),
    "bilinear": lambda x: layers.Activation("tanh", **WIDE)(layers.UpSampling2D(interpolation="bilinear", **WIDE)(x)),
    "bicubic": lambda x: layers.Activation("tanh", **WIDE)(layers.UpSampling2D(interpolation="bicubic", **WIDE)(x)),
}


def attention(x):
    return layers.Reshape((4, 4, 3), **WIDE)(layers.MultiHeadAttention(2, 2, **WIDE)(x, x))


def build(after):
    return expose(network(lambda x: after(conv(name="first")(x))), "first")


def squared(outputs, units):
    return units**2 + ops.sum(outputs**3, axis=-1, keepdims=True)


def by_differences(exposed, objective, step=1e-5):
    """The derivative of the gradient along the signal, by scaling the signal up and down."""
    _, _, number = run_for_substitution(exposed, IMAGES)

    def at(scale):
        with substituted(exposed, lambda call, own: own * scale, number):
            return np.asarray(signal_jacobian(exposed, IMAGES, objective=objective)[2][0])

    return (at(1 + step) - at(1 - step)) / (2 * step)


@pytest.mark.parametrize("objective", [None, squared])
@pytest.mark.parametrize("name", SECOND)
def test_the_product_is_the_derivative_of_the_gradient_along_the_signal(name, objective):
    exposed = build(SECOND[name])
    logits, signal, gradients, curved = signal_curvature(exposed, IMAGES, objective=objective)
    once = signal_jacobian(exposed, IMAGES, objective=objective)
    for found, expected in zip((logits, signal, gradients), (once[0], once[1][0], once[2][0])):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    expected = by_differences(exposed, objective)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(curved, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    for units in (None, 1):
        signature = [tf.TensorSpec((None, 6, 6, 2), "float64"), tf.TensorSpec((None, units), "int32")]
        run = tf.function(
            lambda x, i: signal_curvature(exposed, x, i, objective=objective)[3],
            input_signature=signature,
            autograph=False,
        )
        chosen = np.array([[2, 0], [1, 1]], "int32")[:, :units]
        wanted = np.take_along_axis(np.asarray(curved), chosen[:, :, None, None, None], 1)
        np.testing.assert_allclose(run(IMAGES, chosen), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", WITHOUT)
def test_layers_whose_second_derivative_would_be_wrong_are_refused_after_the_signal_only(name, compiled):
    """TensorFlow takes the mean in a variance as constant, and bilinear resizing as without a second derivative."""

    def run(exposed):
        run = tf.function(signal_curvature, autograph=False) if compiled else signal_curvature
        return run(exposed, IMAGES)

    with pytest.raises(ValueError, match=r"must have second derivatives after the exposed layer.*Choose a later layer"):
        run(build(WITHOUT[name]))
    behind = network(lambda x: conv(2, 1, activation="tanh", name="behind")(WITHOUT[name](conv(name="first")(x))))
    exposed = expose(behind, "behind")
    _, _, _, curved = run(exposed)
    np.testing.assert_allclose(curved, 0, atol=1e-14)  # Average pooling and one dense layer are linear.


def test_each_call_of_a_layer_is_differentiated_by_itself():
    inputs = keras.Input((6, 6, 2), dtype="float64")
    shared = conv(2, padding="same", activation="tanh", name="shared")
    x = layers.GlobalAveragePooling2D(**WIDE)(shared(shared(inputs)))
    model = randomize(keras.Model(inputs, layers.Dense(3, activation="tanh", name="logits", **WIDE)(x)))
    head = {"name": "logits", "link": "output"}
    _, _, _, every = signal_curvature(expose(model, {"name": "shared", "node": "all"}, head), IMAGES)
    for node, found in enumerate(every):
        _, _, _, alone = signal_curvature(expose(model, {"name": "shared", "node": node}, head), IMAGES)
        np.testing.assert_allclose(found, alone, rtol=1e-10, atol=1e-14)
        assert np.abs(alone).max() > 1e-4
