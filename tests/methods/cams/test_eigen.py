import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import eigencam, eigengradcam, hirescam
from tests.methods import twins
from tests.methods.cams.common import IMAGES, by_name, close
from tests.methods.networks import WIDE, conv, network, one_conv, randomize, small

BOTH = [eigencam, eigengradcam]


def first_component(x, centered):
    """Project the positions of `(H, W, K)` by NumPy's singular value decomposition."""
    matrix = x.reshape(-1, x.shape[-1])
    matrix = matrix - matrix.mean(0) if centered else matrix
    found = matrix @ np.linalg.svd(matrix)[2][0]
    return (-found if abs(found.min()) > abs(found.max()) else found).reshape(x.shape[:-1])


@pytest.mark.parametrize("centered", [False, True])
def test_eigencam_equals_its_twin_by_singular_value_decomposition(centered):
    model = small()
    net = twins.Net(model)
    _, maps = eigencam(expose(model, "first"), IMAGES, centered=centered)
    expected = [first_component(net.signal(image), centered) for image in IMAGES]
    for unit in range(3):
        close(maps[..., unit], expected)


@pytest.mark.parametrize("centered", [False, True])
def test_eigengradcam_equals_its_twin_by_singular_value_decomposition(centered):
    model = small()
    net = twins.Net(model)
    _, maps = eigengradcam(expose(model, "first"), IMAGES, centered=centered)
    expected = [
        [first_component(net.signal(image) * g, centered) for g in twins.slopes(net.head, net.signal(image))]
        for image in IMAGES
    ]
    close(maps, np.moveaxis(expected, 1, -1), 1e-8)


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("method", BOTH, ids=by_name)
def test_more_channels_than_positions_have_the_map_of_the_other_product(method, centered):
    """Channels beside them that are 0 change no singular vector."""
    few, many = (network(lambda x, n=n: conv(n, activation="relu")(x)) for n in (3, 20))
    for name in ("kernel", "bias"):
        weight, source = (np.asarray(getattr(model.get_layer("conv"), name)) for model in (many, few))
        getattr(many.get_layer("conv"), name).assign(np.concatenate([source, 0 * weight[..., 3:]], -1))
    kernel = np.asarray(few.get_layer("logits").kernel)
    many.get_layer("logits").set_weights(
        [np.concatenate([kernel, np.ones((17, 3))]), np.asarray(few.get_layer("logits").bias)]
    )
    assert many.get_layer("conv").output.shape[1:] == (4, 4, 20)
    close(method(expose(many), IMAGES, centered=centered)[1], method(expose(few), IMAGES, centered=centered)[1])


@pytest.mark.parametrize("size", [(3, 4), (2, 2)])
def test_a_signal_of_rank_one_gives_itself(size):
    rng = np.random.default_rng(0)
    plane, shares = rng.uniform(size=size), np.array([0.0, 3.0, 4.0, -12.0, 0.0])
    inputs = keras.Input((*size, 1), dtype="float64")
    signal = layers.Conv2D(5, 1, use_bias=False, name="signal", **WIDE)(inputs)
    model = randomize(keras.Model(inputs, layers.Dense(2, **WIDE)(layers.Flatten(**WIDE)(signal))))
    model.get_layer("signal").kernel.assign(shares.reshape(1, 1, 1, 5))
    _, maps = eigencam(expose(model, "signal"), plane[None, ..., None])
    close(maps, np.repeat(13 * plane[None, ..., None], 2, -1), 1e-14)


def test_the_product_of_rank_one_is_the_hirescam_of_a_single_channel():
    model = network(lambda x: conv(1)(x))
    _, maps = eigengradcam(expose(model), IMAGES)
    _, expected = hirescam(expose(model), IMAGES)
    top = np.max(expected, (1, 2), keepdims=True) >= -np.min(expected, (1, 2), keepdims=True)
    close(maps, np.where(top, expected, -np.asarray(expected)), 1e-14)


@pytest.mark.parametrize("method", BOTH, ids=by_name)
def test_the_number_farthest_from_zero_is_positive(method):
    maps = np.asarray(method(expose(network(lambda x: conv(5)(x))), IMAGES, centered=True)[1])
    assert maps.min() < 0
    assert (maps.max((1, 2)) >= -maps.min((1, 2))).all()


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("method", BOTH, ids=by_name)
def test_a_signal_of_zeros_gives_zeros(method, centered):
    model = one_conv()
    model.get_layer("conv").set_weights([np.zeros((3, 3, 2, 3)), np.zeros(3)])
    assert not np.asarray(method(expose(model), IMAGES, centered=centered)[1]).any()


def test_eigengradcam_is_exact_for_small_gradients():
    model = one_conv()
    _, expected = eigengradcam(expose(model), IMAGES)
    kernel = model.get_layer("logits").kernel
    kernel.assign(kernel * 1e-200)
    close(np.asarray(eigengradcam(expose(model), IMAGES)[1]) * 1e200, expected)


def test_eigencam_needs_no_gradient():
    def body(x):
        return layers.Lambda(keras.ops.round, name="rounded", **WIDE)(conv(4, name="first")(x))

    exposed = expose(network(body), "first")
    _, maps = eigencam(exposed, IMAGES)
    signal = np.asarray(exposed(IMAGES)[1])
    close(maps[..., 0], [first_component(each, False) for each in signal])
    with pytest.raises(ValueError, match="units must depend on the signal"):
        eigengradcam(exposed, IMAGES)


@pytest.mark.parametrize("channels", [3, 20])
@pytest.mark.parametrize("method", BOTH, ids=by_name)
def test_an_image_that_is_not_finite_has_no_map_and_the_others_theirs(method, channels):
    exposed = expose(network(lambda x: conv(channels)(x)))
    _, maps = method(exposed, np.concatenate([IMAGES[:1] + np.nan, IMAGES[1:]]))
    assert np.isnan(maps[0]).all()
    close(maps[1:], method(exposed, IMAGES[1:])[1])
