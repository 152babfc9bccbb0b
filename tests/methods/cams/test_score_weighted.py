import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import scorecam
from tests.methods import twins
from tests.methods.cams.common import IMAGES, close
from tests.methods.networks import WIDE, conv, network, one_conv, small


@pytest.mark.parametrize("weights", ["channels", "classes", "logits"])
@pytest.mark.parametrize("baseline", [False, True])
def test_scorecam_equals_its_plain_loop_twin_by_each_convention(weights, baseline):
    model = small()
    net = twins.Net(model)
    _, maps = scorecam(expose(model, "first"), IMAGES, weights=weights, baseline=baseline, batch_size=2)
    # Keras resizes in float32.
    close(maps, [twins.scorecam(net, image, weights, baseline) for image in IMAGES], 1e-6)


def test_scorecam_does_not_depend_on_the_batch_size():
    exposed = expose(network(lambda x: conv(7, activation="relu")(x)))
    _, expected = scorecam(exposed, IMAGES, batch_size=7)
    for batch_size in (1, 2, 3, 5, 100):
        close(scorecam(exposed, IMAGES, batch_size=batch_size)[1], expected)


def test_scorecam_weights_of_a_unit_sum_to_one():
    model = one_conv()
    # All channels alike: whatever the weights are, their sum is what multiplies the channel.
    layer = model.get_layer("conv")
    layer.kernel.assign(np.repeat(np.asarray(layer.kernel)[..., :1], 3, -1))
    layer.bias.assign(np.zeros(3))
    _, maps = scorecam(expose(model), IMAGES)
    signal = expose(model)(IMAGES)[1]
    close(maps, np.repeat(np.asarray(signal)[..., :1], 3, -1))


def test_scorecam_scales_a_mask_after_it_is_resized():
    # Resized first, a single bright place in a 2 x 2 signal reaches the corner with its full value only.
    signal = np.zeros((1, 2, 2, 1))
    signal[0, 0, 0, 0] = 4.0
    inputs = keras.Input((5, 5, 1), dtype="float64")
    fixed = layers.Lambda(lambda x: ops.convert_to_tensor(signal) + 0 * ops.sum(x), **WIDE, output_shape=(2, 2, 1))
    logits = layers.Dense(1, use_bias=False, kernel_initializer="ones", **WIDE)(layers.Flatten(**WIDE)(inputs))
    fixed = fixed(inputs)
    # Heads side by side are no signals: the logits must come from it, though it adds nothing.
    model = keras.Model(inputs, [logits + 0 * ops.sum(fixed), fixed])
    _, maps = scorecam(model, np.ones((1, 5, 5, 1)), weights="logits")
    mask = twins.resize(signal[0, ..., 0], (5, 5))
    expected = ((mask - mask.min()) / (mask.max() - mask.min())).sum() * signal[0]
    close(maps[0], expected, 1e-6)


def test_a_constant_channel_gives_scorecam_the_score_of_the_blank_image():
    model = one_conv()
    layer = model.get_layer("conv")
    layer.kernel.assign(np.zeros(layer.kernel.shape))
    layer.bias.assign([1.0, 2.0, 3.0])
    _, maps = scorecam(expose(model), IMAGES, weights="logits")
    blank = expose(model)(0 * IMAGES)[0]
    close(maps, np.broadcast_to(np.asarray(blank)[:, None, None] * 6, maps.shape))


def test_the_baseline_cancels_in_the_softmax_over_channels():
    exposed = expose(small(), "first")
    close(scorecam(exposed, IMAGES, baseline=True)[1], scorecam(exposed, IMAGES)[1])


def test_scorecam_refuses_classes_of_a_one_unit_head():
    exposed = expose(one_conv(units=1))
    with pytest.raises(ValueError, match=r"one unit.*Received: weights='classes'"):
        scorecam(exposed, IMAGES, weights="classes")
    assert np.isfinite(scorecam(exposed, IMAGES)[1]).all()


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"weights": "softmax"}, "`weights` must be 'channels', 'classes' or 'logits'. Received: weights='softmax'"),
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1. Received: batch_size=0"),
        ({"batch_size": 2.0}, "`batch_size` must be an integer of at least 1. Received: batch_size=2.0"),
    ],
)
def test_scorecam_refuses_a_wrong_parameter(own, message):
    with pytest.raises(ValueError, match=message):
        scorecam(expose(one_conv()), IMAGES, **own)
