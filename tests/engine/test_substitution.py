import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ke_widgets.engine.forward import outputs_of
from ke_widgets.engine.substitution import run_for_substitution, substituted
from ke_widgets.inspection import expose
from ke_widgets.model.exposed import Endpoint, Exposed
from tests import models
from tests.methods.networks import WIDE, conv, images, network, one_conv

CASES = {**models.TWINS, "flat": (models.flat, "conv"), "attention": (models.attention, "add")}
IMAGES = models.images(2)


def close(actual, expected, tolerance=1e-6):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def logits_from(model, inputs, signal, number):
    with substituted(model, lambda call, own: signal, number):
        return outputs_of(model, inputs)[0]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_the_signal_of_other_images_gives_their_logits_whatever_the_model(name, compiled):
    build, path = CASES[name]
    model = build()
    exposed = expose(model, path)
    before = models.snapshot(model)
    outputs, signal, number = run_for_substitution(exposed, IMAGES)
    close(outputs, exposed(IMAGES)[0])
    close(logits_from(exposed, IMAGES, signal, number), outputs)
    other = IMAGES[::-1]

    def swapped(x, signal, number):
        return logits_from(exposed, x, signal, number)

    run = tf.function(swapped, autograph=False) if compiled else swapped
    close(run(other, signal, number), outputs, 1e-5)
    assert not models.same(before, models.snapshot(model))


def shared():
    inputs = keras.Input((6, 6, 2), dtype="float64")
    layer = conv(2, padding="same", activation="tanh", name="shared")
    x = layer(layer(layer(inputs)))
    pooled = layers.GlobalAveragePooling2D(**WIDE)(x)
    return keras.Model(inputs, layers.Dense(3, name="logits", **WIDE)(pooled)), layer


@pytest.mark.parametrize("link", ["input", "output", "logits"])
@pytest.mark.parametrize("node", [0, 1, 2, "last"])
def test_one_call_of_a_shared_layer_is_replaced(node, link):
    model, layer = shared()
    exposed, pictures = expose(model, {"layer": layer, "node": node, "link": link}), images()
    outputs, signal, number = run_for_substitution(exposed, pictures)
    x = np.asarray(signal) + 0.5
    called = {"last": 2}.get(node, node)
    if link == "input":
        x = layer(x)
    elif link == "logits":
        x = np.tanh(x)
    for _ in range(2 - called):
        x = layer(x)
    expected = model.get_layer("logits")(np.mean(x, axis=(1, 2)))
    close(logits_from(exposed, pictures, np.asarray(signal) + 0.5, number), expected, 1e-12)


def test_all_calls_of_a_layer_are_replaced_each_in_its_turn():
    model, layer = shared()
    exposed, pictures = expose(model, {"layer": layer, "node": "all"}), images()
    _, signal, number = run_for_substitution(exposed, pictures)
    assert len(signal) == 3
    with substituted(exposed, lambda call, own: own + call, number):
        logits = outputs_of(exposed, pictures)[0]
    last = layer(layer(signal[0]) + 1) + 2
    close(logits, model.get_layer("logits")(np.mean(last, axis=(1, 2))), 1e-12)


def test_the_input_of_the_whole_model_is_a_signal():
    plain, pictures = one_conv(), images()
    exposed = Exposed(plain, [expose(plain).endpoints[0], Endpoint("", "input")])
    _, signal, number = run_for_substitution(exposed, pictures)
    np.testing.assert_array_equal(signal, pictures)
    close(logits_from(exposed, pictures, 2 * pictures, number), exposed(2 * pictures)[0], 1e-12)


def test_the_signal_of_a_manual_model_is_found_by_its_layer():
    model = one_conv()
    manual = keras.Model(model.input, [model.output, model.get_layer("conv").output])
    outputs, signal, number = run_for_substitution(manual, images())
    close(logits_from(manual, images(seed=1), signal, number), outputs, 1e-12)
    of_input = keras.Model(model.input, [model.output, model.input])
    with pytest.raises(ValueError, match=r"must be the output of a layer, to be replaced. Received: .*Expose it"):
        run_for_substitution(of_input, images())


def test_layers_before_the_signal_are_pruned():
    exposed = expose(
        network(lambda x: layers.Activation("tanh", **WIDE)(conv(name="first", activation="exponential")(x)))
    )
    _, signal, number = run_for_substitution(exposed, images())
    run = tf.function(lambda x: logits_from(exposed, x, signal, number), autograph=False)
    operation = run.get_concrete_function(images()).graph.outputs[0].op
    waiting, found = [operation], set()
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting.extend(x.op for x in operation.inputs)
    assert not {"Exp", "Conv2D"} & {op.type for op in found}
