import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import ke_widgets as ke
from ke_widgets.inspection import expose
from ke_widgets.methods import cams
from ke_widgets.widget.images.image_input import image_input
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.session import Session
from ke_widgets.widget.view import ExplainerWidget

IMAGES = np.random.default_rng(0).uniform(size=(2, 16, 24, 3)).astype("float32")


class Net(keras.Model):
    """A network without a graph; `take` picks the images out of what it is called on."""

    def __init__(self, take=lambda x: x, flat=False):
        super().__init__()
        self.conv, self.head = layers.Conv2D(4, 3, name="conv"), layers.Dense(3, name="head")
        self.pool = layers.Flatten() if flat else layers.GlobalAveragePooling2D()
        self.take = take

    def call(self, x):
        return self.head(self.pool(self.conv(self.take(x))))


class BuiltByHand(Net):
    def build(self, input_shape=(None, 16, 24, 3)):
        self.conv.build(input_shape)
        self.head.build((None, 4))
        super().build(input_shape)


def called(model, on):
    model(on)
    return model


def functional(shape=(16, 24, 3), wrap=lambda x: x, **own):
    i = keras.Input(shape, **own) if shape else keras.Input(**own)
    x = layers.Conv2D(4, 3, name="conv")(layers.Rescaling(1.0)(i))
    return keras.Model(wrap(i), layers.Dense(3, name="head")(layers.GlobalAveragePooling2D()(x)))


def by_hand():
    model = BuiltByHand()
    model.build()
    return model


MODELS = {
    "tensor": functional,
    "dict": lambda: functional(wrap=lambda x: {"image": x}, name="image"),
    "dict, other name": lambda: functional(wrap=lambda x: {"pixels": x}, name="image"),
    "list": lambda: functional(wrap=lambda x: [x]),
    "tuple": lambda: functional(wrap=lambda x: (x,)),
    "any size": lambda: functional((None, None, 3)),
    "batch of one": lambda: functional(None, batch_shape=(1, 16, 24, 3)),
    "uint8": lambda: functional(dtype="uint8"),
    "float64": lambda: functional(dtype="float64"),
    "subclassed": lambda: called(Net(), IMAGES),
    "subclassed on a tensor of one": lambda: called(Net(), IMAGES[:1]),
    "subclassed, dict": lambda: called(Net(lambda x: x["image"]), {"image": IMAGES}),
    "subclassed, list": lambda: called(Net(lambda x: x[0]), [IMAGES]),
    "built by hand": by_hand,
    "Sequential without Input": lambda: called(
        keras.Sequential(
            [layers.Conv2D(4, 3, name="conv"), layers.GlobalAveragePooling2D(), layers.Dense(3, name="head")]
        ),
        IMAGES,
    ),
}


@pytest.mark.filterwarnings("error:The structure of")
@pytest.mark.parametrize("name", MODELS)
def test_one_image_input_is_found_in_whatever_it_is_handed_over(name):
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    images = (IMAGES * 255).astype("uint8") if name == "uint8" else IMAGES
    session = Session(model, images)
    assert session.models[0].layers[-1] == "conv"
    choice = {"image_index": 1, "layer": "conv", "class_index": 2, "params": {}}
    kernel, bias = (np.asarray(weight) for weight in next(x for x in model.layers if x.name == "head").weights)
    signal = np.asarray(next(x for x in model.layers if x.name == "conv")(images[1:2].astype("float32")))[0]
    found = session.run(method="gradcam", **choice)
    np.testing.assert_allclose(found.map, signal @ kernel[:, 2] / signal[..., 0].size, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(session.models[0].scores([0, 1])[1], signal.mean((0, 1)) @ kernel + bias, rtol=1e-4)
    session.prepare([Choice(**{**choice, "method": "gradcam", "contrast_index": None, "model_index": 0})])
    session._preparing.join()
    again = session.run(method="gradcam", **{**choice, "class_index": 0})
    np.testing.assert_allclose(again.map, signal @ kernel[:, 0] / signal[..., 0].size, rtol=1e-3, atol=1e-6)
    assert session.run(method="scorecam", **choice).map.shape == found.map.shape


@pytest.mark.parametrize("images", [IMAGES, [Image.new("RGB", (24, 16), (9, 200, 30))] * 2], ids=["array", "PIL"])
def test_the_size_that_a_subclassed_model_was_built_on_is_no_demand_where_it_runs_on_others(images):
    model = called(Net(), np.zeros((1, 9, 9, 3), "float32"))
    session = Session(model, images)
    inputs = session.images.inputs(1)
    assert inputs.shape == (1, 16, 24, 3)
    found = session.run(image_index=1, layer="conv", class_index=0, method="gradcam", params={})
    _, maps = cams.gradcam(expose(model, "conv"), inputs, np.array([[0]]))
    np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-4, atol=1e-5 * np.abs(maps).max())
    assert any("was built on images of 9 × 9" in notice for notice in session.notices)


def test_where_it_does_not_run_on_others_images_are_fitted():
    model = called(Net(flat=True), np.zeros((1, 9, 9, 3), "float32"))
    assert Session(model, [Image.new("RGB", (24, 16))]).images.inputs(0).shape == (1, 9, 9, 3)
    assert Session(model, IMAGES).images.inputs(0).shape == (1, 9, 9, 3)
    same = called(Net(), np.zeros((1, 9, 9, 3), "float32"))
    assert Session(same, [Image.new("RGB", (9, 9)), Image.new("RGB", (24, 16))]).images.size == (9, 9)
    assert Session(same, np.zeros((1, 9, 9, 3))).notices == []


def test_a_model_of_unknown_input_that_does_not_run_on_the_images_says_so():
    with pytest.raises(
        ValueError, match=r"`model` must run on the images.*which does not run on the first one.*\(1, 16, 24, 1\)"
    ):
        Session(by_hand(), IMAGES[..., :1])


def test_grey_images_without_a_channel_are_images_and_signals_are_not():
    grey = keras.Sequential(
        [keras.Input((28, 28)), layers.Reshape((28, 28, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(3)]
    )
    flat = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(3)])
    rows = keras.Sequential([keras.Input((28, 28)), layers.LSTM(4), layers.Dense(3)])
    for model in (grey, flat, rows):
        assert image_input(model).shape == (28, 28)
    for first in (layers.Conv1D(4, 3), layers.SeparableConv1D(4, 3)):
        signal = keras.Sequential([keras.Input((100, 2)), first, layers.GlobalAveragePooling1D(), layers.Dense(3)])
        with pytest.raises(ValueError, match=r"one input of images \(B, H, W, C\)\. .*\(None, 100, 2\)"):
            image_input(signal)


def _two_subclassed():
    model = Net(lambda x: x["a"] + x["b"])
    model({"a": IMAGES, "b": IMAGES})
    return model


@pytest.mark.parametrize(
    "build",
    [
        _two_subclassed,
        lambda: keras.Sequential([keras.Input((784,)), layers.Dense(3)]),
        lambda: keras.Sequential([keras.Input((4, 8, 8, 3)), layers.Conv3D(2, 3), layers.GlobalAveragePooling3D()]),
    ],
)
def test_several_inputs_and_what_is_no_image_are_refused(build):
    with pytest.raises(ValueError, match=r"`model` must take one input of images \(B, H, W, C\)"):
        image_input(build())


def _several(shapes, wrap=list):
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    parts = [
        layers.Flatten()(layers.Conv2D(2, 3)(x)) if len(x.shape) == 4 else layers.Flatten()(x) for x in inputs.values()
    ]
    given = inputs if wrap is dict else wrap(inputs.values())
    return keras.Model(given, layers.Dense(3)(layers.Concatenate()(parts)))


@pytest.mark.parametrize("wrap", [list, tuple, dict])
def test_the_input_of_rank_4_is_the_image_and_all_are_packed_as_the_model_takes_them(wrap):
    model = _several({"photo": (8, 8, 3), "age": (5,)}, wrap)
    found = image_input(model)
    assert (found.shape, found.required, found.names[found.position]) == ((8, 8, 3), True, "photo")
    packed = found.pack("p", ["a"])
    assert packed == {"photo": "p", "age": "a"} if wrap is dict else packed == wrap(["p", "a"])
    subclassed = called(Net(lambda x: x["photo"]), {"photo": IMAGES, "age": IMAGES[:, 0, 0]})
    found = image_input(subclassed)
    assert (found.shape, found.required, found.names) == ((16, 24, 3), False, ("age", "photo"))
    assert found.pack("p", ["a"]) == {"photo": "p", "age": "a"}


def test_of_two_images_one_is_chosen_by_name_or_index():
    model = _several({"left": (8, 8, 3), "right": (8, 9, 3), "age": (5,)})
    assert [image_input(model, name).position for name in ("left", "right", 0, 1)] == [0, 1, 0, 1]
    assert image_input(model, "right").shape == (8, 9, 3)
    choices = r"must choose one of \['left', 'right'\]\. Received: .*\(None, 8, 9, 3\)"
    with pytest.raises(ValueError, match=choices):
        image_input(model)
    for wrong in ("up", "age", 2, 3, True, 0.5):
        with pytest.raises(
            ValueError, match=rf"`image_input` must be .*one of \['left', 'right'\]\. .*={wrong!r}, and"
        ):
            image_input(model, wrong)


@pytest.mark.parametrize("shape", [(3, 12, 10), (1, 9, 9), (4, 8, 16), (3, 12, 12)], ids=str)
def test_channels_first_are_refused_with_the_line_that_opens_them(shape):
    inputs = keras.Input(shape)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv", data_format="channels_first")(inputs)
    x = layers.GlobalAveragePooling2D(data_format="channels_first")(x)
    model = keras.Model(inputs, layers.Dense(3)(x))
    images = np.random.default_rng(0).random((2, *shape)).astype("float32")
    with pytest.raises(ValueError, match="must take images with their channels last") as caught:
        ExplainerWidget(model, images)
    opened = eval(str(caught.value).split("`")[-2], {"keras": keras, "model": model})
    widget = ExplainerWidget(opened, np.moveaxis(images, 1, -1), class_index=1)
    found = widget.wait()
    _, maps = ke.explain(ke.methods.cams.gradcam, ke.inspection.expose(model), images[:1], 1, resizing=False, verbose=0)
    assert found.map.shape == shape[1:]
    np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-4, atol=1e-6)
    widget.close()
