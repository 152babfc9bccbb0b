import keras
import numpy as np
import pytest

from ke_widgets import filters
from ke_widgets.inspection import expose
from ke_widgets.methods import Spec, cams, gradient
from ke_widgets.widget.session import Session, limits


@pytest.fixture(scope="module")
def session(model, images):
    return Session(model, images, labels=["a", "b", "c"])


def test_the_map_is_the_methods_own(session, model, images):
    explanation = session.run(2, "block/conv", 1, "gradcam", {})
    logits, maps = cams.gradcam(expose(model, "block/conv"), images[2:3].astype("float32"), np.array([[1]]))
    np.testing.assert_allclose(explanation.map, maps[0, ..., 0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(explanation.logits, logits[0], rtol=1e-5)
    assert (explanation.unit, explanation.layer, explanation.method, explanation.image_index) == (
        1,
        "block/conv",
        "gradcam",
        2,
    )


def test_gradients_are_of_the_logit_before_the_fused_sigmoid(session, model, images):
    explanation = session.run(0, "stem", 2, "gradients", {"channels": "mean"})
    _, maps = gradient.gradients(expose(model), images[:1].astype("float32"), np.array([[2]]), channels="mean")
    np.testing.assert_allclose(explanation.map, maps[0, ..., 0], rtol=1e-5, atol=1e-9)
    assert explanation.layer == ""
    assert explanation.params == {"channels": "mean"}


def test_a_long_method_comes_in_pieces_and_ends_as_the_whole(session):
    choice = {"image_index": 0, "layer": "block/conv", "class_index": 1, "method": "scorecam"}
    pieces = list(session.steps(**choice, params={"batch_size": 1}))
    assert [(done, total) for done, total, _ in pieces] == [(done, 5) for done in range(1, 6)]  # the image, 4 channels
    whole = session.run(**choice, params={"batch_size": 4})
    np.testing.assert_allclose(pieces[-1][2]().map, whole.map, rtol=1e-4, atol=1e-6)
    half = pieces[1][2]()
    assert (half.done, half.total) == (2, 5)
    assert not np.allclose(half.map, whole.map)


def test_scores_are_the_models_own_output(session, model, images):
    expected = model(images.astype("float32")).numpy()
    for index in (0, 3):
        np.testing.assert_allclose(session.scores(index), expected[index], rtol=1e-5)
    assert session.run(0, "stem", 0, "gradcam", {}).scores_kind == "probability"


def test_layers_are_those_with_a_place_on_the_way_to_the_logits(session):
    assert session.layers == ["rescaling", "stem", "block", "block/conv", "block/add"]
    assert session.default_layer == "block/add"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (Spec("positive", postprocessing=filters.positive_normalize), (0.0, 2.0)),
        (Spec("signed", signed=True), (-3.0, 3.0)),
    ],
)
def test_limits_follow_the_methods_filter(spec, expected):
    assert limits(np.array([[-3.0, np.nan], [1.0, 2.0]]), spec) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "block/cnv"}, r"must name a layer of 'tiny'. Received: 'block/cnv'. Nearest: 'block/conv'"),
        ({"layer": "pool"}, r"spatial output \(B, H, W, K\).*layer='pool'.*\(None, 4\).*Layers that fit: .*block/add"),
        ({"class_index": 3}, "one of the 3 classes, 0 to 2. Received: class_index=3"),
        ({"image_index": -1}, "one of the 5 images, 0 to 4. Received: image_index=-1"),
        ({"method": "gradcan"}, "`method` must be one of .*gradcam,.* Received: method='gradcan'"),
        ({"params": {"chanels": 1}}, r"`params` must name parameters of methods: .*Received: \['chanels'\]"),
    ],
)
def test_a_choice_that_is_not_there_is_refused(session, change, message):
    choice = {"image_index": 0, "layer": "stem", "class_index": 0, "method": "gradcam", "params": {}, **change}
    with pytest.raises(ValueError, match=message):
        session.run(**choice)


def test_a_model_that_does_not_fit_is_refused(model, images):
    with pytest.raises(TypeError, match=r"`model` must be a keras\.Model\. Received: 'model'"):
        Session("model", images)
    unbuilt = keras.Sequential([keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D()])
    with pytest.raises(ValueError, match="must be built"):
        Session(unbuilt, images)
    flat = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"one input of images \(B, H, W, C\).*\(None, 4\)"):
        Session(flat, images)
    dense = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="must have a layer with a spatial output"):
        Session(dense, images)
    maps = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)])
    with pytest.raises(ValueError, match="must give one score for each class"):
        Session(maps, images)


def test_labels_may_be_a_list_a_dict_or_a_function(model, images):
    for labels in (["a", "b", "c", "d"], {0: "a", 1: "b", 2: "c"}, "abc".__getitem__):
        assert Session(model, images, labels).labels == ["a", "b", "c"]
    assert Session(model, images).labels == ["0", "1", "2"]


def test_labels_that_do_not_name_every_class_are_refused(model, images):
    with pytest.raises(ValueError, match=r"each of the 3 classes\. Received: 2; without a name: 2"):
        Session(model, images, ["a", "b"])
    with pytest.raises(ValueError, match="Received: 2; without a name: 1"):
        Session(model, images, {0: "a", 2: "c"})
    with pytest.raises(TypeError, match="`labels` must be a list, a dict"):
        Session(model, images, 3)


def test_unscaled_images_for_a_model_that_does_not_scale_are_noticed(model, images):
    bare = keras.Sequential([keras.Input((8, 8, 3)), *keras.Sequential(_head()).layers])
    assert Session(model, images).notices == []
    assert Session(bare, images / 255).notices == []
    assert Session(bare, images, preprocess=lambda x: x / 255).notices == []
    (notice,) = Session(bare, images).notices
    assert "pass `preprocess=`" in notice


def _head():
    return [keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]


def test_images_that_are_not_finite_are_said_so(model):
    images = np.zeros((2, 8, 8, 3))
    images[1, 0, 0, 0] = np.inf
    session = Session(model, images)
    assert "NaN or infinite" in session.run(1, "stem", 0, "gradcam", {}).note
    assert "zero everywhere" in session.run(0, "rescaling", 0, "gradcam", {}).note


def test_a_subclassed_model_is_explained_too(images):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = keras.layers.Conv2D(2, 3, name="conv")
            self.pool = keras.layers.GlobalAveragePooling2D()
            self.head = keras.layers.Dense(2, activation="softmax", name="head")

        def call(self, x):
            return self.head(self.pool(self.conv(x)))

    net = Net()
    net(images / 255.0)
    session = Session(net, images / 255.0)
    assert session.layers == ["conv"]
    kernel = net.head.kernel.numpy()[:, 1]
    cam = net.conv(images[:1].astype("float32") / 255.0).numpy()[0] @ kernel / 36
    np.testing.assert_allclose(session.run(0, "conv", 1, "gradcam", {}).map, cam, rtol=1e-4, atol=1e-6)
