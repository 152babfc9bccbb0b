import keras
import numpy as np
import pytest
from keras import layers, ops

from ke_widgets.inspection import expose
from ke_widgets.methods.cams import cam, gradcam
from tests.methods import twins
from tests.methods.cams.common import IMAGES, by_name, close
from tests.methods.networks import WIDE, conv, flatten_head, one_conv, small


def test_cam_equals_its_plain_loop_twin():
    model = small()
    net = twins.Net(model)
    close(cam(expose(model), IMAGES)[1], [twins.cam(net, image) for image in IMAGES])


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
