import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import cam, gradcam, gradcampp, layercam, scorecam
from tests.methods import twins
from tests.methods.networks import WIDE, conv, flatten_head, images, network, one_conv, randomize, small

ALL = [cam, gradcam, gradcampp, layercam, scorecam]
IMAGES = images()


def by_name(value):
    return getattr(value, "__name__", None)


@pytest.fixture(scope="module")
def tiny():
    """The network with a NumPy twin."""
    model = small()
    return model, twins.Net(model)


def close(actual, expected, tolerance=1e-12):
    """Equal but for `tolerance` of the largest number expected."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(np.asarray(expected)).max())


# Slow twins


@pytest.mark.parametrize("method", [gradcam, gradcampp], ids=by_name)
def test_a_gradient_cam_equals_its_plain_loop_twin(tiny, method):
    model, net = tiny
    _, maps = method(expose(model, "first"), IMAGES)
    close(maps, [getattr(twins, method.__name__)(net, image) for image in IMAGES], 1e-8)


def test_cam_equals_its_plain_loop_twin(tiny):
    model, net = tiny
    close(cam(expose(model), IMAGES)[1], [twins.cam(net, image) for image in IMAGES])


@pytest.mark.parametrize("weights", ["channels", "classes", "logits"])
@pytest.mark.parametrize("baseline", [False, True])
def test_scorecam_equals_its_plain_loop_twin_by_each_convention(tiny, weights, baseline):
    model, net = tiny
    _, maps = scorecam(expose(model, "first"), IMAGES, weights=weights, baseline=baseline, batch_size=2)
    # Keras resizes in float32.
    close(maps, [twins.scorecam(net, image, weights, baseline) for image in IMAGES], 1e-6)


# CAM


def test_the_mean_of_a_cam_and_the_bias_are_the_logit():
    model = one_conv()
    logits, maps = cam(expose(model), IMAGES)
    np.testing.assert_allclose(np.mean(maps, axis=(1, 2)) + model.get_layer("logits").bias, logits, atol=1e-15)


def test_cam_is_gradcam_times_the_number_of_places():
    exposed = expose(one_conv())
    maps = np.asarray(cam(exposed, IMAGES)[1])
    np.testing.assert_allclose(maps, 16 * np.asarray(gradcam(exposed, IMAGES)[1]), atol=8e-15)


def test_cam_of_a_one_unit_head_keeps_its_unit():
    model = one_conv(units=1)
    logits, maps = cam(expose(model), IMAGES)
    assert maps.shape == (2, 4, 4, 1)
    np.testing.assert_allclose(np.mean(maps, axis=(1, 2)) + model.get_layer("logits").bias, logits, atol=1e-15)


def test_cam_reads_the_kernel_of_a_1x1_convolution_head():
    dense = one_conv()
    inputs = keras.Input((6, 6, 2), dtype="float64")
    x = conv(activation="relu")(inputs)
    x = layers.GlobalAveragePooling2D(keepdims=True, **WIDE)(x)
    x = layers.Conv2D(3, 1, name="logits", **WIDE)(x)
    model = keras.Model(inputs, layers.Softmax(**WIDE)(layers.Flatten(**WIDE)(x)))
    for weight, source in zip(model.weights, dense.weights):
        weight.assign(ops.reshape(source, weight.shape))
    close(cam_of(model), cam_of(dense))


def cam_of(model):
    return cam(expose(model), IMAGES)[1]


def test_cam_takes_a_manual_model_as_it_is():
    model = one_conv()
    manual = keras.Model(model.input, [model.output, model.get_layer("conv").output])
    close(cam(manual, IMAGES)[1], cam_of(model))


@pytest.mark.parametrize("build", [flatten_head, small], ids=by_name)
def test_cam_refuses_a_head_without_one_weight_for_each_channel(build):
    model = build()
    signal = "conv" if build is flatten_head else {"name": "first", "link": "input"}
    with pytest.raises(ValueError, match=r"must end in global pooling and one dense layer.*logits.*gradcam"):
        cam(expose(model, signal), IMAGES)


# Grad-CAM


def test_gradcam_sums_to_the_logit_less_its_bias_for_average_pooling():
    model = one_conv()
    logits, maps = gradcam(expose(model), IMAGES)
    np.testing.assert_allclose(np.sum(maps, axis=(1, 2)) + model.get_layer("logits").bias, logits, atol=4e-15)


def test_gradcam_is_not_complete_for_a_flatten_head():
    model = flatten_head()
    logits, maps = gradcam(expose(model), IMAGES)
    assert np.abs(np.sum(maps, axis=(1, 2)) + model.get_layer("logits").bias - logits).max() > 0.1


def test_gradcam_rolls_with_an_image_on_a_torus():
    def circular(x):
        x = ops.concatenate([x[:, -1:], x, x[:, :1]], axis=1)
        return ops.concatenate([x[:, :, -1:], x, x[:, :, :1]], axis=2)

    def body(x):
        x = conv(4, strides=2, activation="relu", name="first")(layers.Lambda(circular, **WIDE)(x))
        return conv(4, activation="relu", name="second")(layers.Lambda(circular, **WIDE)(x))

    exposed = expose(network(body, shape=(8, 8, 2)), "first")
    pictures = images(shape=(8, 8, 2))
    _, maps = gradcam(exposed, pictures)
    _, rolled = gradcam(exposed, np.roll(pictures, (2, 4), axis=(1, 2)))
    close(rolled, np.roll(maps, (1, 2), axis=(1, 2)))


# Grad-CAM++


def test_gradcampp_has_no_nan_for_dead_channels_and_dead_gradients():
    model = one_conv()
    layer = model.get_layer("conv")
    layer.bias.assign([-100.0, 0.1, 0.1])
    model.get_layer("logits").kernel.assign([[1, 1, 1], [0, 1, -1], [1, 1, 1]])
    _, maps = gradcampp(expose(model), IMAGES)
    assert np.isfinite(maps).all()
    assert np.asarray(maps)[..., 1].any()


@pytest.mark.parametrize("scale", [1e-4, 1e-8, 1e-30])
def test_gradcampp_is_exact_for_small_gradients(scale):
    model = one_conv()
    kernel = np.array([[0.3, -0.2, 0.5], [0.1, 0.4, -0.3], [-0.6, 0.2, 0.2]]) * scale
    model.get_layer("logits").kernel.assign(kernel)
    _, (signal,) = (lambda logits, *signals: (logits, signals))(*expose(model)(IMAGES))
    totals = np.sum(signal, axis=(1, 2))
    expected = []
    for image, total in zip(np.asarray(signal), totals):
        g = kernel / 16
        # For average pooling every place has the gradient w / Z: worked out on paper.
        weights = np.maximum(g, 0) * 16 / (2 + total[:, None] * g)
        expected.append(image @ weights)
    close(gradcampp(expose(model), IMAGES)[1], expected, 1e-13)


def test_gradcampp_does_not_overflow_in_half_precision_where_the_exponential_of_the_logit_would():
    model = half_precision("mixed_float16", bias=200.0)
    logits, maps = gradcampp(expose(model), IMAGES.astype("float32"))
    assert np.exp(np.float32(np.max(logits))) == np.inf
    assert np.isfinite(maps).all()
    assert np.asarray(maps).any()


# Score-CAM


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


# Signals of every kind


def tokens(prefix, shape):
    """A network whose signal is a sequence of tokens, `prefix` of them before the places."""

    def body(x):
        x = conv(4, 2, strides=2, activation="relu")(x)
        x = layers.Reshape((-1, 4), **WIDE)(x)
        pad = layers.ZeroPadding1D((prefix, 0), name="tokens", **WIDE)
        return pad(x)

    return network(body, shape=shape, head=layers.GlobalAveragePooling1D)


@pytest.mark.parametrize("shape", [(8, 8, 2), (4, 12, 2), (12, 6, 2)])
@pytest.mark.parametrize("prefix", [0, 1])
@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_tokens_give_the_maps_of_their_grid(method, prefix, shape):
    model = tokens(prefix, shape)
    pictures = images(shape=shape)
    _, maps = method(expose(model, "tokens"), pictures)
    assert maps.shape == (2, shape[0] // 2, shape[1] // 2, 3)
    if method in (cam, scorecam):
        _, expected = method(expose(model, "conv"), pictures)
        close(maps, expected)
    if method is gradcam:
        # The class token counts in no mean, but takes its share of the pooling.
        _, expected = method(expose(model, "conv"), pictures)
        close(maps, expected)


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_channels_first_gives_the_same_maps(method):
    def body(x):
        x = conv(activation="relu")(x)
        x = layers.Permute((3, 1, 2), name="first", **WIDE)(x)
        return layers.Permute((2, 3, 1), **WIDE)(x)

    model = network(body)
    # Score-CAM looks at the axes of the image too.
    inputs = keras.Input((2, 6, 6), dtype="float64")
    whole = keras.Model(inputs, model(layers.Permute((2, 3, 1), **WIDE)(inputs)))
    exposed = expose(whole, (model.name, "first"), (model.name, "logits"))
    _, maps = method(exposed, np.moveaxis(IMAGES, -1, 1), spatial_axis=(-2, -1))
    close(maps, method(expose(model, "conv", "logits"), IMAGES)[1])


@pytest.mark.parametrize("method", ALL, ids=by_name)
@pytest.mark.parametrize(("layer", "shape"), [("pool", r"\(2, 3\)"), ("odd", r"\(2, 7, 3\)")])
def test_a_signal_without_places_is_refused(method, layer, shape):
    def body(x):
        x = conv(activation="relu")(x)
        odd = layers.Cropping1D((0, 9), name="odd", **WIDE)(layers.Reshape((16, 3), **WIDE)(x))
        return layers.Reshape((1, 7, 3), **WIDE)(odd)

    with pytest.raises(ValueError, match=f"must have spatial axes.*Received: one of shape {shape}"):
        method(expose(network(body), layer), IMAGES)


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_a_plain_model_is_exposed_by_default(method):
    for found, expected in zip(method(one_conv(), IMAGES), method(expose(one_conv()), IMAGES)):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_an_exposed_model_without_a_signal_is_refused(method):
    with pytest.raises(ValueError, match="must give its logits and at least one signal"):
        method(expose(one_conv(), []), IMAGES)


@pytest.mark.parametrize("method", [gradcam, gradcampp], ids=by_name)
def test_a_unit_that_does_not_depend_on_the_signal_is_refused_by_its_name(method):
    inputs = keras.Input((6, 6, 2), dtype="float64")
    x = conv(activation="relu")(inputs)
    side = conv(name="side")(inputs)
    x = layers.Dense(3, name="logits", **WIDE)(layers.GlobalAveragePooling2D(**WIDE)(x))
    model = randomize(keras.Model(inputs, [x, side]))
    for indices in (None, np.array([[1], [2]])):
        with pytest.raises(ValueError, match=r"units must depend on the signal. Received: side"):
            method(expose(model, "side", "logits"), IMAGES, indices)


# Precision


def half_precision(policy, bias=0.0):
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(3, 3, activation="relu", name="conv", dtype=policy)(inputs)
    x = layers.GlobalAveragePooling2D(dtype=policy)(x)
    model = randomize(keras.Model(inputs, layers.Dense(3, name="logits", dtype=policy)(x)))
    model.get_layer("logits").bias.assign([bias] * 3)
    return model


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_half_precision_gives_float32_maps_near_those_of_the_wide_model(method, policy):
    narrow, wide = half_precision(policy), half_precision("float32")
    pictures = IMAGES.astype("float32")
    logits, maps = method(expose(narrow, "conv"), pictures)
    assert keras.backend.standardize_dtype(maps.dtype) == keras.backend.standardize_dtype(logits.dtype) == "float32"
    close(maps, method(expose(wide, "conv"), pictures)[1], 3e-2)


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_float64_stays_float64(method):
    logits, maps = method(expose(one_conv()), IMAGES)
    assert keras.backend.standardize_dtype(maps.dtype) == keras.backend.standardize_dtype(logits.dtype) == "float64"


@pytest.mark.parametrize("method", ALL, ids=by_name)
def test_image_size_may_be_unknown_while_tracing(method):
    model = randomize(
        keras.Sequential(
            [
                keras.Input((None, None, 2), dtype="float64"),
                conv(activation="relu"),
                layers.GlobalAveragePooling2D(**WIDE),
                layers.Dense(3, name="logits", **WIDE),
            ]
        )
    )
    exposed = expose(model)
    signature = [tf.TensorSpec((None, None, None, 2), "float64"), tf.TensorSpec((None, None), "int32")]
    compiled = tf.function(lambda x, i: method(exposed, x, i), input_signature=signature, autograph=False)
    for size in (6, 9):
        pictures = images(shape=(size, size, 2))
        indices = np.array([[0, 2], [1, 1]], "int32")
        close(compiled(pictures, indices)[1], method(exposed, pictures, indices)[1])


def test_layercam_is_worked_out_on_paper():
    """One channel, weights 2 and -1 for the unit: only the cells with the positive weight count."""
    inputs = keras.Input((1, 2, 1))
    signal = layers.Conv2D(1, 1, use_bias=False, name="signal")(inputs)
    dense = layers.Dense(1, use_bias=False)
    model = keras.Model(inputs, dense(layers.Flatten()(signal)))
    model.set_weights([np.full((1, 1, 1, 1), 3.0), np.array([[2.0], [-1.0]])])
    logits, maps = layercam(expose(model, "signal"), np.array([5.0, 7.0]).reshape(1, 1, 2, 1))
    close(logits, [[2 * 15 - 21]])
    close(maps, np.array([2 * 15, 0]).reshape(1, 1, 2, 1))
