import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.methods.gradient import METHODS, deconvnet, gradients, guided_backprop, guided_gradcam
from tests import models
from tests.methods import twins
from tests.methods.networks import WIDE, conv, images, network, small

IMAGES = images()
BOTH = [guided_backprop, deconvnet]


# On paper


def by_hand(kernel, head, image, rule):
    """One dense ReLU layer: what each pixel gets, by the definition."""
    z = image @ kernel
    return np.abs(rule(z, head) @ kernel.T)


@pytest.mark.parametrize(
    ("method", "rule"),
    [
        (guided_backprop, lambda z, g: np.maximum(g, 0) * (z > 0)),
        (deconvnet, lambda z, g: np.maximum(g, 0)),
        (gradients, lambda z, g: g * (z > 0)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_the_maps_are_the_definition(method, rule):
    dense, head = layers.Dense(3, activation="relu", use_bias=False), layers.Dense(1, use_bias=False)
    model = keras.Sequential([keras.Input((1, 2, 1)), layers.Flatten(), dense, head])
    model.set_weights([np.array([[1.0, -1.0, 2.0], [1.0, 3.0, -4.0]]), np.array([[2.0], [-3.0], [5.0]])])
    _, maps = method(model, np.array([[[[1.0], [2.0]]]]))
    # z = 3, 5, -6: guided 2 w1; deconvnet 2 w1 + 5 w3; the gradient 2 w1 - 3 w2.
    expected = {guided_backprop: [2, 2], deconvnet: [12, 18], gradients: [5, 7]}[method]
    np.testing.assert_array_equal(maps[0, 0, :, 0], expected)
    hand = by_hand(dense.kernel.numpy(), head.kernel.numpy()[:, 0], np.array([1.0, 2.0]), rule)
    np.testing.assert_array_equal(hand, expected)


class Backwards(twins.Net):
    """`networks.small`, backwards by hand: each ReLU by a rule."""

    def to_image(self, image, rule):
        first = self.first(image)
        second = self.second(np.maximum(first, 0))
        for weights in self.weights["logits"][0].T:
            g = np.broadcast_to(weights / (second.shape[0] * second.shape[1]), second.shape)
            for name, z in (("second", second), ("first", first)):
                g = self.transposed(name, rule(z, g))
            yield g

    def transposed(self, name, g):
        kernel = self.weights[name][0]
        out = np.zeros((g.shape[0] + 2, g.shape[1] + 2, kernel.shape[2]))
        for i, j, k in np.ndindex(*g.shape):
            out[i : i + 3, j : j + 3] += g[i, j, k] * kernel[..., k]
        return out


@pytest.mark.parametrize("channels", ["max", "mean"])
@pytest.mark.parametrize(
    ("method", "rule"),
    [
        (guided_backprop, lambda z, g: np.maximum(g, 0) * (z > 0)),
        (deconvnet, lambda z, g: np.maximum(g, 0)),
        (gradients, lambda z, g: g * (z > 0)),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_the_maps_are_those_of_a_plain_loop(method, rule, channels):
    model = small()
    net, reduce = Backwards(model), {"max": np.max, "mean": np.mean}[channels]
    _, maps = method(expose(model), IMAGES, channels=channels)
    expected = [np.stack([reduce(np.abs(g), -1) for g in net.to_image(x, rule)], -1) for x in IMAGES]
    np.testing.assert_allclose(maps, expected, rtol=1e-12, atol=1e-15)


# However it is written


class Compiled(layers.Layer):
    """A ReLU inside a compiled function of the user's own."""

    @tf.function
    def call(self, x):
        return tf.nn.relu(x)


class ByMaximum(layers.Layer):
    def call(self, x):
        return tf.maximum(x, 0.0)


RELUS = {
    "layer": lambda: layers.ReLU(**WIDE),
    "activation": lambda: layers.Activation("relu", **WIDE),
    "activation function": lambda: layers.Activation(tf.nn.relu, **WIDE),
    "Lambda": lambda: layers.Lambda(lambda x: tf.nn.relu(x), **WIDE),
    "ops": lambda: ops.relu,
    "keras.activations": lambda: keras.activations.relu,
    "maximum": lambda: lambda x: ops.maximum(x, 0),
    "maximum in a layer": lambda: ByMaximum(**WIDE),
    "tf.function": lambda: Compiled(**WIDE),
    "leaky of 0": lambda: layers.LeakyReLU(0.0, **WIDE),
    "maximum never reached": lambda: layers.ReLU(max_value=1e6, **WIDE),
    "TimeDistributed": lambda: layers.TimeDistributed(layers.ReLU(**WIDE), **WIDE),
}


@pytest.mark.parametrize("relu", RELUS)
@pytest.mark.parametrize("method", [*BOTH, guided_gradcam])
def test_a_relu_counts_however_it_is_written(method, relu):
    expected = method(expose(network(lambda x: conv(activation="relu")(x)), "conv"), IMAGES)
    made = RELUS[relu]()
    model = network(lambda x: made(conv()(x)))
    exposed = expose(model, {"layer": model.get_layer("pool"), "link": "input"})
    for run in (method, tf.function(method, autograph=False)):
        for one, other in zip(run(exposed, IMAGES), expected):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-14)
    # And nobody after it is guided.
    np.testing.assert_array_equal(gradients(exposed, IMAGES)[1], gradients(expose(model, []), IMAGES)[1])


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize("kind", models.TWINS)
def test_a_model_of_any_kind_has_the_maps_of_its_flat_twin_exactly(kind, method):
    build, _ = models.TWINS[kind]
    flat, given = models.flat(), models.images(2)
    for one, other in zip(
        method(expose(models.copy_weights(flat, build()), []), given), method(expose(flat, []), given)
    ):
        np.testing.assert_array_equal(one, other)


def test_a_leaky_relu_keeps_its_slope_below_zero():
    """Of one image that is below zero everywhere, the map is the slope times that of an image above zero."""
    model = network(lambda x: layers.LeakyReLU(0.25, **WIDE)(conv()(x)))
    model.get_layer("conv").bias.assign([100.0] * 3)
    above = np.asarray(guided_backprop(expose(model, []), IMAGES)[1])
    model.get_layer("conv").bias.assign([-100.0] * 3)
    np.testing.assert_allclose(guided_backprop(expose(model, []), IMAGES)[1], 0.25 * above, rtol=1e-12)
    np.testing.assert_allclose(deconvnet(expose(model, []), IMAGES)[1], above, rtol=1e-12)
    learned = network(lambda x: layers.PReLU(**WIDE)(conv()(x)))
    learned.set_weights([*model.get_weights()[:2], np.full((4, 4, 3), 0.25), *model.get_weights()[2:]])
    np.testing.assert_allclose(guided_backprop(expose(learned, []), IMAGES)[1], 0.25 * above, rtol=1e-12)


@pytest.mark.parametrize("method", BOTH)
def test_without_negative_gradients_it_is_the_gradient(method):
    """Of weights that are not negative; the deconvnet, of signals that are above zero too."""
    model = small()
    model.set_weights([np.abs(w) for w in model.get_weights()])
    exposed, given = expose(model, []), np.abs(IMAGES)
    np.testing.assert_allclose(method(exposed, given)[1], gradients(exposed, given)[1], rtol=1e-14)


# Guided Grad-CAM


def test_guided_gradcam_is_the_product_of_both():
    model = small()
    exposed = expose(model, "first")
    logits, maps = guided_gradcam(exposed, IMAGES)
    coarse, fine = (np.asarray(method(exposed, IMAGES)[1]) for method in (gradcam, guided_backprop))
    for image, unit in np.ndindex(2, 3):
        grown = twins.resize(np.maximum(coarse[image, ..., unit], 0), (6, 6))
        np.testing.assert_allclose(maps[image, ..., unit], grown * fine[image, ..., unit], rtol=1e-5, atol=1e-9)
    np.testing.assert_array_equal(logits, gradcam(exposed, IMAGES)[0])


def test_guided_gradcam_of_a_plain_model_explains_the_score_before_its_softmax():
    model = small()
    for one, other in zip(guided_gradcam(model, IMAGES), guided_gradcam(expose(model), IMAGES)):
        np.testing.assert_array_equal(one, other)


# Refusals and menus


@pytest.mark.parametrize("method", [*BOTH, guided_gradcam])
def test_a_model_without_a_relu_is_refused(method):
    model = network(lambda x: conv(activation="gelu")(x))
    with pytest.raises(ValueError, match=r"`model` must have a ReLU between the image and the score. Received: 'func"):
        method(expose(model), IMAGES)
    reason = METHODS[method].applies(expose(model))
    assert reason == f"It changes the gradients of ReLUs, and {model.name!r} has none."
    assert METHODS[method].applies(expose(small())) is METHODS[method].applies(expose(models.nested())) is None


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match=r"`channels` must be 'max' or 'mean'. Received: channels='sum'"):
        guided_backprop(small(), IMAGES, channels="sum")


def test_training_afterwards_is_training():
    """Compiled functions that the model keeps have their own gradients."""

    def trained(explained):
        keras.utils.set_random_seed(0)
        model = network(lambda x: Compiled(**WIDE)(conv()(x)))
        model.compile("sgd", "sparse_categorical_crossentropy")
        if explained:
            guided_backprop(expose(model, []), IMAGES)
        model.fit(IMAGES, np.array([0, 1]), epochs=3, verbose=0, shuffle=False)
        return model.get_weights()

    for one, other in zip(trained(True), trained(False)):
        np.testing.assert_array_equal(one, other)
