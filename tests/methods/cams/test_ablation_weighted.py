import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods import step_by_step
from ke_widgets.methods.cams import ablationcam, gradcam
from tests.methods import twins
from tests.methods.cams.common import IMAGES, close
from tests.methods.networks import WIDE, conv, flatten_head, network, one_conv, randomize, small


def twin(net, image, relative=False):
    """Remove one channel after the other by hand."""
    signal = net.signal(image)
    whole, total = net.head(signal), 0
    for k in range(signal.shape[-1]):
        without = signal.copy()
        without[..., k] = 0
        weight = whole - net.head(without)
        weight = weight / whole if relative else weight
        total = total + signal[..., k, None] * weight
    return total


@pytest.mark.parametrize("relative", [False, True])
def test_ablationcam_equals_its_plain_loop_twin(relative):
    model = small()
    net = twins.Net(model)
    _, maps = ablationcam(expose(model, "first"), IMAGES, relative=relative, batch_size=2)
    close(maps, [twin(net, image, relative) for image in IMAGES])


@pytest.mark.parametrize("relative", [False, True])
def test_for_average_pooling_and_one_dense_layer_the_fall_is_the_channels_own_part_of_the_logit(relative):
    model = one_conv()
    exposed = expose(model)
    logits, maps = ablationcam(exposed, IMAGES, relative=relative)
    signal, kernel = np.asarray(exposed(IMAGES)[1]), np.asarray(model.get_layer("logits").kernel)
    weights = np.mean(signal, (1, 2))[..., None] * kernel
    weights = weights / np.asarray(logits)[:, None] if relative else weights
    close(maps, np.einsum("bhwk,bku->bhwu", signal, weights), 1e-13)


def test_for_any_linear_head_the_falls_sum_to_the_logit_less_its_bias():
    model = flatten_head()
    exposed = expose(model)
    logits, maps = ablationcam(exposed, IMAGES)
    signal = np.asarray(exposed(IMAGES)[1])
    weights = [
        np.linalg.lstsq(s.reshape(-1, 3), m.reshape(-1, 3), rcond=None)[0] for s, m in zip(signal, np.asarray(maps))
    ]
    close(np.sum(weights, axis=1) + model.get_layer("logits").bias, logits, 1e-12)


def test_ablationcam_does_not_depend_on_the_batch_size():
    exposed = expose(network(lambda x: conv(7, activation="relu")(x)))
    _, expected = ablationcam(exposed, IMAGES, batch_size=7)
    for batch_size in (1, 2, 3, 5, 100):
        close(ablationcam(exposed, IMAGES, batch_size=batch_size)[1], expected)


def test_a_channel_without_effect_has_no_weight_and_a_logit_of_zero_no_relative_map():
    model = one_conv()
    kernel, bias = np.asarray(model.get_layer("logits").kernel).copy(), np.zeros(3)
    kernel[1], kernel[:, 2] = 0, 0
    model.get_layer("logits").set_weights([kernel, bias])
    exposed = expose(model)
    signal = np.asarray(exposed(IMAGES)[1]).copy()
    _, maps = ablationcam(exposed, IMAGES)
    signal[..., 1] = 0
    close(maps, np.einsum("bhwk,bku->bhwu", signal, np.mean(signal, (1, 2))[..., None] * kernel))
    _, relative = ablationcam(exposed, IMAGES, relative=True)
    assert not np.asarray(relative)[..., 2].any()
    assert np.isfinite(relative).all()


def test_the_value_before_a_fused_activation_can_be_removed():
    model = small()
    net = twins.Net(model)
    _, maps = ablationcam(expose(model, {"name": "first", "link": "logits"}), IMAGES)
    expected = []
    for image in IMAGES:
        first = net.first(image)
        whole, total = net.head(np.maximum(first, 0)), 0
        for k in range(3):
            without = np.maximum(np.where(np.arange(3) == k, 0, first), 0)
            total = total + first[..., k, None] * (whole - net.head(without))
        expected.append(total)
    close(maps, expected)


def test_one_call_of_a_shared_layer_is_removed_and_all_calls_each_by_itself():
    inputs = keras.Input((6, 6, 2), dtype="float64")
    shared = conv(2, padding="same", activation="relu", name="shared")
    x = layers.GlobalAveragePooling2D(**WIDE)(shared(shared(inputs)))
    model = randomize(keras.Model(inputs, layers.Dense(3, name="logits", **WIDE)(x)))
    each = [ablationcam(expose(model, {"name": "shared", "node": node}), IMAGES)[1] for node in (0, 1)]
    first, second = (np.asarray(expose(model, {"name": "shared", "node": node})(IMAGES)[1]) for node in (0, 1))
    head, whole, expected = model.get_layer("logits"), np.asarray(expose(model)(IMAGES)[0]), [0, 0]
    for k in range(2):
        kept = np.arange(2) != k
        for call, signal in enumerate((first, second)):
            after = shared(first * kept) if call == 0 else second * kept
            fall = whole - np.asarray(head(np.mean(after, axis=(1, 2))))
            expected[call] = expected[call] + signal[..., k, None] * fall[:, None, None]
    close(each[0], expected[0])
    close(each[1], expected[1])
    _, both = ablationcam(expose(model, {"name": "shared", "node": "all"}), IMAGES, batch_size=3)
    close(both, np.stack(expected, 1))


def test_a_manual_model_has_the_maps_of_an_exposed_one():
    model = one_conv()
    manual = keras.Model(model.input, [model.get_layer("logits").output, model.get_layer("conv").output])
    exposed = keras.Model(model.input, manual.outputs[0])
    close(ablationcam(manual, IMAGES)[1], ablationcam(expose(exposed, "conv", {"name": "logits"}), IMAGES)[1])


def test_every_step_has_the_map_of_the_channels_that_were_removed():
    model = one_conv()
    exposed = expose(model)
    signal, kernel = np.asarray(exposed(IMAGES)[1]), np.asarray(model.get_layer("logits").kernel)
    weights = np.mean(signal, (1, 2))[..., None] * kernel
    for progress in step_by_step(ablationcam, exposed, IMAGES, batch_size=1):
        done = np.arange(3) < progress.done - 1  # The first step removes none.
        close(progress.result()[1], np.einsum("bhwk,bku->bhwu", signal * done, weights), 1e-13)


def test_ablationcam_needs_no_gradient():
    exposed = expose(network(lambda x: layers.Lambda(keras.ops.round, **WIDE)(conv(4, name="first")(x))), "first")
    assert np.asarray(ablationcam(exposed, IMAGES)[1]).any()
    with pytest.raises(ValueError, match="units must depend on the signal"):
        gradcam(exposed, IMAGES)
