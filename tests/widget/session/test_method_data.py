"""What stands for names that the page sends: colours in the model's input, a background of the user's images."""

import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.methods.path import expected_gradients, integrated_gradients
from ke_widgets.widget.images.images import Images
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.method_data import MethodData
from ke_widgets.widget.session.session import Session

PHOTOS = np.random.default_rng(0).integers(1, 255, (12, 8, 8, 3), dtype="uint8")


def caffe(batch):
    """Swap red and blue, and subtract the means, as VGG and ResNet take images."""
    return batch[..., ::-1].astype("float32") - np.array([103.9, 116.8, 123.7], "float32")


@pytest.mark.parametrize(
    ("preprocess", "black", "white"),
    [
        (None, [0, 0, 0], [255, 255, 255]),
        (lambda x: x / 127.5 - 1, [-1, -1, -1], [1, 1, 1]),
        (caffe, [-103.9, -116.8, -123.7], [151.1, 138.2, 131.3]),
    ],
)
def test_black_and_white_are_what_preprocess_makes_of_them(preprocess, black, white):
    data = MethodData(Images(PHOTOS, (8, 8, 3), preprocess))
    found = data.of(integrated_gradients, {"baseline": "black", "steps": 3})
    np.testing.assert_allclose(found["baseline"], black, atol=1e-4)
    assert found["steps"] == 3
    np.testing.assert_allclose(data.of(integrated_gradients, {"baseline": "white"})["baseline"], white, atol=1e-4)
    assert data.of(integrated_gradients, {"baseline": "mean"}) == {"baseline": "mean"}
    assert "background" not in found


def test_where_preprocess_takes_no_such_image_the_name_stays():
    def picky(batch):
        if np.ptp(batch) == 0:
            raise RuntimeError("no photograph")
        return batch / 255

    data = MethodData(Images(PHOTOS, (8, 8, 3), picky))
    assert data.of(integrated_gradients, {"baseline": "black"}) == {"baseline": "black"}


def test_the_background_is_the_first_images_and_stays_the_same(tmp_path):
    data = MethodData(Images(PHOTOS, (8, 8, 3), lambda x: x / 255))
    background = data.of(expected_gradients, {})["background"]
    np.testing.assert_allclose(background, PHOTOS[:8] / 255, rtol=1e-6)
    assert data.of(expected_gradients, {})["background"] is background
    own = PHOTOS[:2].astype("float32")
    assert data.of(expected_gradients, {"background": own})["background"] is own


@pytest.fixture(scope="module")
def session():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    return Session(model, PHOTOS, ["a", "b", "c"], preprocess=lambda x: x / 127.5 - 1)


@pytest.mark.parametrize(
    ("method", "params", "contrast"),
    [
        ("integrated_gradients", {"steps": 128, "baseline": "black"}, None),
        ("integrated_gradients", {"steps": 128, "baseline": "black"}, 2),
        ("integrated_gradients", {"steps": 128, "baseline": "white", "rule": "gauss-legendre"}, None),
        ("integrated_gradients", {"steps": 128, "baseline": "white", "rule": "gauss-legendre"}, 2),
        ("expected_gradients", {"samples": 2000}, None),
        ("blur_integrated_gradients", {"steps": 128}, None),
        ("guided_integrated_gradients", {"steps": 300}, None),
    ],
)
def test_the_sum_of_a_map_stands_beside_what_it_should_be(session, method, params, contrast):
    own = {"method": method, "params": params, "class_index": 1, "image_index": 3, "contrast_index": contrast}
    found = session.run(**{**vars(first_choice(session)), **own})
    total, expected = found.completeness
    np.testing.assert_allclose(total, found.map.sum(), rtol=1e-5)
    np.testing.assert_allclose(total, expected, rtol=0.05, atol=5e-3)
    assert found.params == params


def first_choice(session):
    layer = session.models[0].default_layer
    return Choice(image_index=0, layer=layer, class_index=0, method="gradcam", params={})


def test_a_map_without_such_a_promise_has_no_sum(session):
    assert session.run(**vars(first_choice(session))).completeness is None
