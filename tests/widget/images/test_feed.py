"""Models of an image and more: each row goes with its image, and maps are the library's."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import ke_widgets as ke
from ke_widgets.methods import cams, gradient
from ke_widgets.widget.images.feed import Feed, feeds, split
from ke_widgets.widget.images.image_input import image_input
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.session import Session
from tests import models

IMAGES = models.images(4)
AGES = np.random.default_rng(1).normal(size=4)
DATA = {"image": IMAGES, "age": AGES}


def gated(wrap=dict, height=models.SIZE):
    """An image whose channels are scaled by a function of an age."""
    inputs = {"image": keras.Input((height, 8, 3), name="image"), "age": keras.Input((1,), name="age")}
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs["image"])
    gate = layers.Dense(4, activation="sigmoid", name="gate")(inputs["age"])
    x = layers.Multiply(name="gated")([layers.GlobalAveragePooling2D(name="pool")(x), gate])
    x = layers.Dense(3, activation="softmax", name="scores")(x)
    given = inputs if wrap is dict else wrap(inputs.values())
    return models.randomize(keras.Model(given, x, name="gated"))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv, self.pool = layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D()
        self.gate, self.head = layers.Dense(4), layers.Dense(3)

    def call(self, x):
        return self.head(self.pool(self.conv(x["image"])) * self.gate(x["age"]))


def subclassed():
    model = Subclassed()
    model({"image": IMAGES, "age": AGES[:, None].astype("float32")})
    return models.randomize(model)


MODELS = {"dict": (gated, DATA), "list": (lambda: gated(list), [IMAGES, AGES]), "subclassed": (subclassed, DATA)}


def rows(model, data, index):
    """What the library takes for one image."""
    one = [IMAGES[index : index + 1], AGES[index : index + 1, None].astype("float32")]
    return one if isinstance(data, list) else dict(zip(("image", "age"), one))


def by_library(method, model, x, unit, layer=None):
    exposed = ke.inspection.expose(model, layer or [])
    return ke.explain(method, exposed, x, unit, resizing=False, verbose=0)[1][0, ..., 0]


@pytest.mark.parametrize("name", MODELS)
def test_maps_and_scores_are_the_librarys_for_the_images_own_row(name):
    build, data = MODELS[name]
    model = build()
    session = Session(model, data)
    for index in (2, 0):
        choice = {"image_index": index, "layer": "conv", "class_index": 1, "params": {}}
        found = session.run(method="gradcam", **choice)
        x = rows(model, data, index)
        np.testing.assert_allclose(found.map, by_library(cams.gradcam, model, x, 1, "conv"), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(found.scores, np.asarray(model(x))[0], rtol=1e-5)
        found = session.run(method="gradients", **choice)
        np.testing.assert_allclose(found.map, by_library(gradient.gradients, model, x, 1), rtol=1e-5, atol=1e-7)
    expected = np.concatenate([np.asarray(model(rows(model, data, index))) for index in range(4)])
    top, scores, _ = session.predictions([0, 1, 2, 3])
    assert top == expected.argmax(-1).tolist()
    np.testing.assert_allclose(scores, expected.max(-1), rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_all_layers_other_classes_and_what_is_compiled_use_the_row_too(name):
    build, data = MODELS[name]
    model = build()
    session = Session(model, data)
    (explained,) = session.models
    choice = Choice(1, "conv", 0, "gradcam", {})
    before, _ = explained.at_all_layers(choice)
    session.prepare([choice])
    session._preparing.join()
    x = rows(model, data, 1)
    for unit in (0, 2):
        found = session.run(**{**vars(choice), "class_index": unit})
        np.testing.assert_allclose(found.map, by_library(cams.gradcam, model, x, unit, "conv"), rtol=1e-5, atol=1e-7)
    expected = np.concatenate([np.asarray(model(rows(model, data, index))) for index in range(4)])
    np.testing.assert_allclose(explained.scores([3, 1, 2, 0]), expected[[3, 1, 2, 0]], rtol=1e-5)
    np.testing.assert_allclose(before[explained.layers.index("conv")], session.run(**vars(choice)).map, atol=1e-6)


def test_the_map_follows_the_row():
    model = gated()
    one, other = (
        Session(model, {"image": IMAGES, "age": ages}).run(
            image_index=0, layer="conv", class_index=1, method="gradcam", params={}
        )
        for ages in (AGES, AGES + 3)
    )
    assert np.abs(one.map - other.map).max() > 0.01 * np.abs(one.map).max()


@pytest.mark.parametrize("method", ["scorecam", "smoothgrad", "full_gradients", "gradcampp", "gradients"])
def test_every_kind_of_method_is_the_librarys(method):
    model, session = gated(), Session(gated(), DATA)
    found = session.run(image_index=1, layer="conv", class_index=1, method=method, params={})
    function, spec = session.methods[method]
    expected = by_library(function, model, rows(model, DATA, 1), 1, "conv" if spec.reads == "signal" else None)
    np.testing.assert_allclose(found.map, expected, rtol=1e-4, atol=1e-6)


def test_curves_change_the_image_alone():
    model = gated()
    session = Session(model, DATA)
    found = session.run(image_index=1, layer="conv", class_index=1, method="gradcam", params={})
    *_, curves = session.models[0].curves(found)
    x = rows(model, DATA, 1)
    np.testing.assert_allclose(curves.deletion[0], np.asarray(model(x))[0, 1], rtol=1e-5)
    mean = np.broadcast_to(x["image"].mean((1, 2), keepdims=True), x["image"].shape)
    np.testing.assert_allclose(curves.deletion[-1], np.asarray(model({**x, "image": mean}))[0, 1], rtol=1e-5)
    np.testing.assert_allclose(curves.insertion[-1], curves.deletion[0], rtol=1e-5)


@pytest.mark.parametrize("which", ["left", "right", 1])
def test_of_two_images_the_chosen_one_is_explained(which):
    model, data = models.siamese(), [IMAGES, IMAGES[::-1]]
    session = Session(model, data, image_input=which)
    choice = {"image_index": 0, "layer": session.models[0].default_layer, "class_index": 2}
    found = session.run(method="gradients", params={}, **choice)
    x = [each[:1] for each in data]
    _, maps = ke.explain(
        gradient.gradients, ke.inspection.expose(model), x, 2, resizing=False, verbose=0, image_input=which
    )
    np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-5, atol=1e-7)
    assert found.params == {}
    shown = session.images.inputs(0)
    np.testing.assert_array_equal(shown, x[0 if which == "left" else 1])
    with pytest.raises(ValueError, match=r"Received: \['image_input'\]"):
        session.run(method="gradients", params={"image_input": 0}, **choice)


def test_files_and_generators_may_be_the_images_and_several_models_share_them():
    data = {"image": (Image.fromarray((255 * x).astype("uint8")) for x in np.clip(IMAGES, 0, 1)), "age": list(AGES)}
    session = Session([gated(), gated()], data)
    assert [len(explained.images) for explained in session.models] == [4, 4]
    one, other = (explained.scores([3]) for explained in session.models)
    np.testing.assert_allclose(one, other)


def test_a_model_of_one_input_takes_a_dict_of_its_name():
    inputs = keras.Input(models.IMAGE, name="image")
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(inputs))))
    assert len(Session(model, {"image": IMAGES}).images) == 4
    with pytest.raises(ValueError, match=r"Received: \['age'\], which it does not take"):
        Session(model, DATA)


def test_rows_are_of_the_models_type_and_what_is_not_finite_is_said_so():
    ages = AGES.copy()
    ages[1] = np.nan
    session = Session(gated(), {"image": IMAGES, "age": ages})
    fields = {"layer": "conv", "class_index": 0, "method": "gradcam", "params": {}}
    assert session.run(image_index=0, **fields).empty_reason is None
    assert "NaN or infinite" in session.run(image_index=1, **fields).empty_reason
    taken = image_input(gated())
    feed = Feed(taken, [np.arange(4)])
    packed = feed.pack(IMAGES[:2], [3, 1])
    assert np.asarray(packed["age"]).tolist() == [[3], [1]]
    assert keras.backend.standardize_dtype(Feed(taken, [AGES]).pack(IMAGES[:1], [0])["age"].dtype) == "float32"


def test_images_of_another_size_are_fitted_in_a_model_of_several_inputs_too():
    large = np.repeat(np.repeat(IMAGES, 2, axis=1), 2, axis=2)
    assert Session(gated(), {"image": large, "age": AGES}).images.inputs(0).shape == (1, 8, 8, 3)
    assert Session(subclassed(), {"image": large, "age": AGES}).images.inputs(0).shape == (1, 16, 16, 3)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (
            IMAGES,
            ValueError,
            r"a dict of \['age', 'image'\], or a list in this order. Received: .*shape \(4, 8, 8, 3\)",
        ),
        ([IMAGES], ValueError, "Received: a list of 1"),
        ({"image": IMAGES}, ValueError, r"Received: a dict without \['age'\]"),
        ({**DATA, "sex": AGES}, ValueError, r"Received: \['sex'\], which it does not take"),
        ({**DATA, "age": AGES[:3]}, ValueError, "one row of 'age' for each of the 4 images. Received: 3 rows of 'age'"),
        ({**DATA, "age": IMAGES[:, 0, 0]}, ValueError, r"shape \(1,\) for the input 'age'. .*shape \(4, 3\)"),
        ({**DATA, "age": ["old"] * 4}, TypeError, r"must hold numbers for the input 'age'.*\['old'"),
        ({**DATA, "age": [[1], [1, 2], [3], [4]]}, TypeError, "must hold numbers for the input 'age'"),
        ({**DATA, "age": 3}, TypeError, "must hold numbers for the input 'age'"),
    ],
    ids=str,
)
def test_data_that_does_not_fit_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        ke.ExplainerWidget(gated(), data)


def test_data_is_split_by_names_of_keys_and_of_tensors():
    model = gated(list)
    taken = image_input(model)
    assert split(model, taken, DATA)[0] is IMAGES
    assert split(model, taken, (IMAGES, AGES))[1][0] is AGES
    ((images, feed),) = feeds([model], [taken], DATA)
    assert images is IMAGES
    assert feed.several
