import numpy as np
from keras import ops

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import at_each_call
from ke_widgets.methods.cams.combining import at_one_layer, spatial_axes_of, weighted
from tests.methods.cams.common import IMAGES, close
from tests.methods.networks import one_conv

RNG = np.random.default_rng(0)


def test_weighted_channels_of_signals_images_and_volumes_are_their_sums():
    for sides in ((5,), (3, 4), (2, 3, 4)):
        signal, weights = RNG.normal(size=(2, *sides, 6)), RNG.normal(size=(2, 3, 6))
        expected = [[(image * w).sum(-1) for w in ws] for image, ws in zip(signal, weights)]
        close(weighted(ops.convert_to_tensor(signal), weights), np.moveaxis(expected, 1, -1))


def test_the_axes_between_units_and_channels_are_spatial():
    assert spatial_axes_of(np.zeros((2, 3, 4, 5, 6))) == (2, 3)
    assert spatial_axes_of(np.zeros((2, 3, 4, 6))) == (2,)


def test_a_combination_at_each_call_stacks_the_maps_of_a_list():
    @at_each_call
    def product(signal, gradients):
        return signal[..., :1] * gradients

    signals, gradients = RNG.normal(size=(3, 2, 4, 4, 1)), RNG.normal(size=(3, 2, 4, 4, 1))
    maps = product([*map(ops.convert_to_tensor, signals)], [*map(ops.convert_to_tensor, gradients)])
    close(maps, np.moveaxis(signals * gradients, 0, 1))
    close(product(signals[0], gradients[0]), signals[0] * gradients[0])


def test_at_one_layer_the_first_signal_and_its_gradient_are_combined():
    model = one_conv()
    logits, found = at_one_layer(lambda signal, gradients: (signal, gradients), expose(model), IMAGES, None)
    expected_logits, signal = expose(model)(IMAGES)
    close(logits, expected_logits)
    close(found[0], signal)
    kernel = np.asarray(model.get_layer("logits").kernel)
    close(found[1], np.broadcast_to(kernel.T[None, :, None, None] / 16, found[1].shape))
