import keras
import numpy as np
import pytest

from ke_widgets import methods
from ke_widgets.inspection import expose
from ke_widgets.methods import cams, gradient
from ke_widgets.widget.session.choice import Choice
from ke_widgets.widget.session.explanation import display_range
from ke_widgets.widget.session.session import Session


@pytest.fixture(scope="module")
def session(model, images):
    return Session(model, images, labels=["a", "b", "c"])


def run(session, image_index, layer, class_index, method, params):
    return session.run(image_index=image_index, layer=layer, class_index=class_index, method=method, params=params)


def test_the_map_is_the_methods_own(session, model, images):
    explanation = run(session, 2, "block/conv", 1, "gradcam", {})
    logits, maps = cams.gradcam(expose(model, "block/conv"), images[2:3].astype("float32"), np.array([[1]]))
    np.testing.assert_allclose(explanation.map, maps[0, ..., 0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(explanation.logits, logits[0], rtol=1e-5)
    assert (explanation.unit, explanation.layer, explanation.method, explanation.image_index) == (
        1,
        "block/conv",
        "gradcam",
        2,
    )
    assert explanation.map_unit == "logit"


def test_gradients_are_of_the_logit_before_the_fused_sigmoid(session, model, images):
    explanation = run(session, 0, "stem", 2, "gradients", {"channels": "mean"})
    _, maps = gradient.gradients(expose(model), images[:1].astype("float32"), np.array([[2]]), channels="mean")
    np.testing.assert_allclose(explanation.map, maps[0, ..., 0], rtol=1e-5, atol=1e-9)
    assert explanation.layer == ""
    assert explanation.params == {"channels": "mean"}
    assert explanation.map_unit == "logit per unit of input"


def test_a_long_method_comes_in_pieces_and_ends_as_the_whole(session):
    choice = {"image_index": 0, "layer": "block/conv", "class_index": 1, "method": "scorecam"}
    pieces = list(session.models[0].steps(Choice(**choice, params={"batch_size": 1})))
    assert [(done, total) for done, total, _ in pieces] == [(done, 5) for done in range(1, 6)]  # the image, 4 channels
    whole = session.run(**choice, params={"batch_size": 4})
    np.testing.assert_allclose(pieces[-1][2]().map, whole.map, rtol=1e-4, atol=1e-6)
    half = pieces[1][2]()
    assert (half.done, half.total) == (2, 5)
    assert not np.allclose(half.map, whole.map)


def build():
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="conv")(keras.layers.Rescaling(1 / 255)(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(3, use_bias=False, activation="softmax", name="scores")(x))


@pytest.mark.parametrize("name", ["conv", "scores"])
def test_nothing_kept_outlives_the_weights_that_made_it_also_without_biases(images, name):
    model = build()
    session = Session(model, images)
    choice = {
        "model_index": 0,
        "image_index": 1,
        "layer": "conv",
        "contrast_index": None,
        "method": "gradcam",
        "params": {},
    }
    session.run(**choice, class_index=0)
    session.prepare([Choice(**{**choice, "class_index": 0})])
    session._preparing.join()
    kernel = model.get_layer(name).kernel
    kernel.assign(kernel * 2)
    found = session.run(**choice, class_index=2)
    logits, maps = cams.gradcam(expose(model, "conv"), images[1:2].astype("float32"), np.array([[2]]))
    np.testing.assert_allclose(found.map, maps[0, ..., 0], rtol=1e-5)
    np.testing.assert_allclose(found.logits, logits[0], rtol=1e-5)
    np.testing.assert_allclose(found.scores, model(images[1:2].astype("float32"))[0], rtol=1e-5)


def test_scores_are_the_models_own_output(session, model, images):
    expected = model(images.astype("float32")).numpy()
    np.testing.assert_allclose(session.models[0].scores([0, 3, 0]), expected[[0, 3, 0]], rtol=1e-5)
    assert run(session, 0, "stem", 0, "gradcam", {}).scores_kind == "probability"


def test_layers_are_those_with_a_place_on_the_way_to_the_logits(session):
    (explained,) = session.models
    assert explained.layers == ["rescaling", "stem", "block", "block/conv", "block/add"]
    assert explained.default_layer == "block/add"


@pytest.mark.parametrize(("signed", "expected"), [(False, (0.0, 2.0)), (True, (-3.0, 3.0))])
def test_limits_show_what_speaks_for_the_class_or_both_signs(signed, expected):
    assert display_range(np.array([[-3.0, np.nan], [1.0, 2.0]]), signed) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "block/cnv"}, r"must name a layer of 'tiny'. Received: 'block/cnv'. Nearest: 'block/conv'"),
        ({"layer": "pool"}, r"spatial output \(B, H, W, K\).*layer='pool'.*\(None, 4\).*Layers that fit: .*block/add"),
        ({"contrast_index": 5}, "one of the 3 classes, 0 to 2. Received: contrast_index=5"),
        ({"model_index": 1}, "one of the 1 models, 0 to 0. Received: model_index=1"),
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


def test_a_contrast_is_the_difference_of_two_maps_for_a_method_that_is_linear_in_the_logit(session):
    choice = {"image_index": 1, "layer": "stem", "method": "gradcam", "params": {}}
    this, that = (session.run(class_index=unit, **choice).map for unit in (0, 2))
    explanation = session.run(class_index=0, contrast_index=2, **choice)
    np.testing.assert_allclose(explanation.map, this - that, atol=1e-6)
    assert explanation.low == -explanation.high
    assert (explanation.unit, explanation.contrast) == (0, 2)


def test_a_scan_gives_the_map_of_every_layer(session):
    choice = {"image_index": 1, "class_index": 2, "contrast_index": None, "params": {}}
    for method in session.all_layers_methods:
        values, shown = session.models[0].at_all_layers(Choice(layer="stem", method=method, **choice))
        for layer, each, limit in zip(session.models[0].layers, values, shown, strict=True):
            alone = session.run(layer=layer, method=method, **choice)
            np.testing.assert_allclose(each, alone.map, rtol=1e-4, atol=1e-7)
            np.testing.assert_allclose(limit, (alone.low, alone.high), rtol=1e-4, atol=1e-7)
    combined = [name for name, (_, spec) in methods.table().items() if spec.combine]
    assert session.all_layers_methods == combined
    assert combined[:2] == ["gradcam", "gradcampp"]
    with pytest.raises(ValueError, match="Score-CAM does not run at all layers at once"):
        session.models[0].at_all_layers(Choice(layer="stem", method="scorecam", **choice))


def test_training_between_two_runs_is_noticed(images):
    keras.utils.set_random_seed(1)
    net = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), *_head()])
    net.compile("sgd", "mse")
    session = Session(net, images)
    before = session.models[0].scores([0])
    net.fit(images.astype("float32"), np.ones((5, 2)), verbose=0)
    after = session.models[0].scores([0])
    np.testing.assert_allclose(after, net(images[:1].astype("float32")), rtol=1e-5)
    assert not np.allclose(before, after)


def test_two_models_share_images_and_classes(model, images):
    other = keras.Sequential([keras.Input((8, 8, 3)), *_head(), keras.layers.Dense(3, activation="softmax")])
    session = Session([model, other], images, preprocess=[None, lambda x: x / 255])
    choice = {"image_index": 0, "class_index": 1, "method": "gradcam", "params": {}}
    first = session.run(layer="stem", model_index=0, **choice)
    second = session.run(layer=session.models[1].default_layer, model_index=1, **choice)
    np.testing.assert_allclose(first.scores, model(images[:1].astype("float32"))[0], rtol=1e-5)
    np.testing.assert_allclose(second.scores, other(images[:1] / 255.0)[0], rtol=1e-5)
    with pytest.raises(ValueError, match=r"models of the same classes. Received: models with \[3, 2\]"):
        Session([model, keras.Sequential([keras.Input((8, 8, 3)), *_head()])], images)


def test_predictions_are_right_where_the_highest_class_is_a_target(model, images):
    top = model(images.astype("float32")).numpy().argmax(-1)
    targets = top.copy()
    targets[3] = (top[3] + 1) % 3
    found, score, right = Session(model, images, y_true=targets).predictions([0, 3])
    assert found == top[[0, 3]].tolist()
    assert right == [True, False]
    assert Session(model, images, y_true=np.eye(3)[targets]).predictions([3])[2] == [False]
    assert Session(model, images).predictions([3])[2] == [None]
    with pytest.raises(ValueError, match=r"class of each of the 5 images, \(N,\) of 0 to 2"):
        Session(model, images, y_true=[0, 1, 2, 3, 0])


def test_a_model_that_does_not_fit_is_refused(model, images):
    with pytest.raises(TypeError, match=r"`model` must be a keras\.Model\. Received: 'model'"):
        Session("model", images)
    unbuilt = keras.Sequential([keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D()])
    with pytest.raises(ValueError, match="must be built"):
        Session(unbuilt, images)
    flat = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match=r"one input of images \(B, H, W, C\).*\(None, 4\)"):
        Session(flat, images)
    maps = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Reshape((64, 3)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="must give one score for each class"):
        Session(maps, images)


def test_labels_may_be_a_list_a_dict_or_a_function(model, images):
    for labels in (["a", "b", "c"], {0: "a", 1: "b", 2: "c"}, "abc".__getitem__):
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
    assert "NaN or infinite" in run(session, 1, "stem", 0, "gradcam", {}).empty_reason
    assert "zero everywhere" in run(session, 0, "rescaling", 0, "gradcam", {}).empty_reason


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
    assert session.models[0].layers == ["conv"]
    kernel = net.head.kernel.numpy()[:, 1]
    cam = net.conv(images[:1].astype("float32") / 255.0).numpy()[0] @ kernel / 36
    np.testing.assert_allclose(run(session, 0, "conv", 1, "gradcam", {}).map, cam, rtol=1e-4, atol=1e-6)
