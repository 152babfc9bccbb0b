"""Every snippet of the four documents that the library re-creates, in order and as written.

But for the package's name; for `weights=None` and random images in place of what would be downloaded; and for sizes
that a test can wait for. What stands between the snippets checks what came out.
"""

import keras
import numpy as np
import pytest

import ke_widgets as ke

COUNT = 1  # Score-CAM on Xception runs it once for each of 2,048 channels.


@pytest.fixture(scope="module")
def cell():
    """Run a snippet as a notebook would: names stay for the next."""
    names = {}

    def run(source):
        exec(compile(source, "<seed>", "exec"), names)
        return names

    return run


# Exposing Intermediate Signals


def test_exposing_simple(cell):
    found = cell("""
import numpy as np
import tensorflow as tf
from keras import Input, Model, Sequential
from keras.applications import ResNet50V2
from keras.layers import Activation, Dense, GlobalAveragePooling2D
import ke_widgets as ke

rn50 = ResNet50V2(weights=None, classifier_activation=None)
# activations_tensor = rn50.get_layer("avg_pool").input  # or...
activations_tensor = rn50.get_layer("post_relu").output
model = Model(rn50.input, [rn50.output, activations_tensor])

print(model.name)
print(f"  input: {model.input}")
print("  outputs:")
for o in model.outputs:
  print(f"    {o}")
""")
    manual, x = found["model"], np.random.default_rng(0).normal(size=(1, 224, 224, 3))
    expected = [np.asarray(part) for part in manual(x)]
    for form in (
        "model = ke.inspection.expose(rn50)",
        'model = ke.inspection.expose(rn50, "post_relu", "predictions")',
        """
model = ke.inspection.expose(
  rn50,
  {"name": "post_relu", "link": "output"},
  {"name": "predictions"},
)
""",
        """
model = ke.inspection.expose(
  rn50,
  {"name": "post_relu", "link": "output", "node": 0},
  {"name": "predictions", "link": "output", "node": 0},
)
""",
        """
model = ke.inspection.expose(
  rn50,
  {"name": "avg_pool", "link": "input"},
  "predictions",
)
""",
    ):
        for got, wanted in zip(cell(form)["model"](x), expected):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_gradcam_follows_at_once(cell):
    found = cell("""
inputs = np.random.normal(size=(4, 224, 224, 3))
indices = np.asarray([[4], [9], [0], [2]])

scores, cams = ke.gradcam(model, inputs, indices)

print(f"scores:{scores.shape} in [{scores.min()}, {scores.max()}]")
print(f"cams:{cams.shape} in [{cams.min()}, {cams.max()}]")
""")
    assert (found["scores"].shape, found["cams"].shape) == ((4, 1), (4, 224, 224, 1))
    logits = found["rn50"].predict(found["inputs"], verbose=0)
    np.testing.assert_allclose(found["scores"], np.take_along_axis(logits, found["indices"], 1), rtol=1e-3, atol=1e-4)
    assert found["cams"].min() >= 0
    assert 0 < found["cams"].max() <= 1


def test_a_naive_model_of_a_nested_one_is_refused_by_keras(cell):
    with pytest.raises(ValueError, match=r"not connected to `inputs`"):
        cell("""
rn50 = ResNet50V2(weights=None, include_top=False)

x = Input([224, 224, 3], name="input_images")
y = rn50(x)
y = GlobalAveragePooling2D(name="avg_pool")(y)
y = Dense(10, name="logits")(y)
y = Activation("softmax", name="predictions", dtype="float32")(y)

rn50_clf = Model(x, y, name="resnet50v2_clf")
rn50_clf.summary()

logits = rn50_clf.get_layer("logits").output
activations = rn50_clf.get_layer("resnet50v2").output
model = tf.keras.Model(rn50_clf.input, [logits, activations])

scores, cams = ke.gradcam(model, inputs, indices)

print(f"scores:{scores.shape} in [{scores.min()}, {scores.max()}]")
print(f"cams:{cams.shape} in [{cams.min()}, {cams.max()}]")
""")


def test_exposing_a_nested_model(cell):
    found = cell("""
model = ke.inspection.expose(
  rn50_clf,
  {"name": "avg_pool", "link": "input"},
  "predictions"
)

scores, cams = ke.gradcam(model, inputs, indices)

print(f"scores:{scores.shape} in [{scores.min()}, {scores.max()}]")
print(f"cams:{cams.shape} in [{cams.min()}, {cams.max()}]")
""")
    assert (found["scores"].shape, found["cams"].shape) == ((4, 1), (4, 224, 224, 1))
    # The note: both of these work as well.
    nested, x = found["rn50_clf"], found["inputs"][:1]
    named = ke.inspection.expose(nested, "resnet50v2", "predictions")(x)
    default = ke.inspection.expose(nested)(x)
    expected = found["model"](x)
    np.testing.assert_allclose(named[1], expected[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(default[1], expected[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(keras.ops.softmax(default[0]), expected[0], rtol=1e-4, atol=1e-5)
    cell("del rn50, rn50_clf, model")


def test_exposing_what_the_document_calls_impossible(cell):
    found = cell("""
rn50 = ResNet50V2(weights=None, include_top=False, pooling="avg")

rn50_clf = Sequential([
  Input([224, 224, 3], name="input_images"),
  rn50,
  Dense(10, name="logits"),
  Activation("softmax", name="predictions", dtype="float32"),
])

model = ke.inspection.expose(rn50_clf)

scores, cams = ke.gradcam(model, inputs, indices)

print(f"scores:{scores.shape} in [{scores.min()}, {scores.max()}]")
print(f"cams:{cams.shape} in [{cams.min()}, {cams.max()}]")
""")
    assert (found["scores"].shape, found["cams"].shape) == ((4, 1), (4, 224, 224, 1))
    x, expected = found["inputs"][:1], None
    for form in (
        "model = ke.inspection.expose(rn50_clf)",
        'model = ke.inspection.expose(rn50_clf, ("resnet50v2", "post_relu"))',
        'model = ke.inspection.expose(rn50_clf, {"name": ("resnet50v2", "avg_pool"), "link": "input"})',
    ):
        signal = np.asarray(cell(form)["model"](x)[1])
        expected = signal if expected is None else expected
        np.testing.assert_allclose(signal, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(expected.mean((1, 2)), found["rn50"](x), rtol=1e-3, atol=1e-5)


# Source code for keras_explainable.inspection


def test_the_inspection_functions_of_the_source(cell):
    found = cell("""
from ke_widgets.inspection import (
    KERNEL_AXIS, SPATIAL_AXIS, get_nested_layer, get_logits_layer, get_global_pooling_layer,
    find_layer_with, endpoints, expose, gather_units, layers_with_biases, biases,
)
from ke_widgets.utils import tolist

model = tf.keras.Sequential([
  tf.keras.applications.ResNet101V2(include_top=False, pooling='avg', weights=None, input_shape=(32, 32, 3)),
  tf.keras.layers.Dense(10, activation='softmax', name='predictions')
])

pooling_layer = get_nested_layer(model, ('resnet101v2', 'avg_pool'))
""")
    assert isinstance(found["pooling_layer"], keras.layers.GlobalAveragePooling2D)
    assert found["get_global_pooling_layer"](found["model"]) is found["pooling_layer"]
    assert found["get_logits_layer"](found["model"]).name == "predictions"
    assert (found["KERNEL_AXIS"], found["SPATIAL_AXIS"]) == (-1, (-3, -2))
    layers, values = found["layers_with_biases"](found["model"])
    assert len(layers) == len(values) == len(found["biases"](layers)) > 100


# Explaining Model's Predictions


def test_explaining_the_images(cell, tmp_path, monkeypatch):
    from PIL import Image

    folder = tmp_path / "docs/_static/images/singleton"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        Image.fromarray(rng.integers(0, 256, size=(90, 80, 3), dtype="uint8")).save(folder / f"{number}.png")
    (folder / "_links.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    found = cell("""
import os
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '2'

import numpy as np
import tensorflow as tf
from keras.utils import load_img, img_to_array

import ke_widgets as ke

SOURCE_DIRECTORY = 'docs/_static/images/singleton/'
SAMPLES = 8
SIZES = (71, 71)

file_names = os.listdir(SOURCE_DIRECTORY)
image_paths = [os.path.join(SOURCE_DIRECTORY, f) for f in file_names if f != '_links.txt']
images = np.stack([img_to_array(load_img(ip).resize(SIZES)) for ip in image_paths])
images = images.astype("uint8")[:SAMPLES]

model = tf.keras.applications.Xception(
  classifier_activation=None,
  weights=None,
  input_shape=(71, 71, 3),
)

print(f"Spatial map sizes: {model.get_layer('avg_pool').input.shape}")
""")
    assert found["images"].shape == (COUNT, 71, 71, 3)


def test_explaining_the_predictions(cell):
    def decode_predictions(probs, top):
        return [[(f"n{i:08}", f"class {i}", row[i]) for i in np.argsort(row)[::-1][:top]] for row in probs]

    cell("")["decode_predictions"] = decode_predictions  # Keras's own downloads the names of the classes.
    found = cell("""
from tensorflow.keras.applications.imagenet_utils import preprocess_input

inputs = images / 127.5 - 1
logits = model.predict(inputs, verbose=0)
indices = np.argsort(logits, axis=-1)[:, ::-1]
probs = tf.nn.softmax(logits).numpy()

predictions = decode_predictions(probs, top=1)

figure = ke.utils.visualize(
  images=images,
  titles=[
    ", ".join(f"{klass} {prob:.0%}" for code, klass, prob in p)
    for p in predictions
  ]
)
""")
    assert [axis.get_title()[:5] for axis in found["figure"].axes] == ["class"] * COUNT


def test_explaining_with_every_method(cell):
    found = cell("""
explaining_units = indices[:, :1]  # First most likely class.

# Gradient Back-propagation
_, g_maps = ke.gradients(model, inputs, explaining_units)

# Full-Gradient
logits = ke.inspection.get_logits_layer(model)
inters, biases = ke.inspection.layers_with_biases(model, exclude=[logits])
model_exp = ke.inspection.expose(model, inters, logits)
_, fg_maps = ke.full_gradients(model_exp, inputs, explaining_units, biases=biases)

# CAM-Based
model_exp = ke.inspection.expose(model)
_, c_maps = ke.cam(model_exp, inputs, explaining_units)
_, gc_maps = ke.gradcam(model_exp, inputs, explaining_units)
_, gcpp_maps = ke.gradcampp(model_exp, inputs, explaining_units)
_, sc_maps = ke.scorecam(model_exp, inputs, explaining_units)
""")
    for name in ("g_maps", "fg_maps", "c_maps", "gc_maps", "gcpp_maps", "sc_maps"):
        assert found[name].shape == (COUNT, 71, 71, 1)
        assert 0 <= found[name].min() < found[name].max() <= 1
    # Global average pooling and one dense layer: the two are one map, once scaled.
    np.testing.assert_allclose(found["c_maps"], found["gc_maps"], rtol=1e-3, atol=1e-4)


def test_explaining_the_maps_are_drawn(cell):
    found = cell("""
all_maps = (g_maps, fg_maps, c_maps, gc_maps, gcpp_maps, sc_maps)

_images = images.repeat(1 + len(all_maps), axis=0)
_titles = 'original Gradients Full-Grad CAM Grad-CAM Grad-CAM++ Score-CAM'.split()
_overlays = sum(zip([None] * len(images), *all_maps), ())

figure = ke.utils.visualize(_images, _titles, _overlays, cols=1 + len(all_maps))
""")
    axes = found["figure"].axes
    assert axes[0].get_gridspec().get_geometry() == (COUNT, 7)
    assert [len(axis.get_images()) for axis in axes] == [1, *[2] * 6] * COUNT
    np.testing.assert_allclose(axes[3].get_images()[1].get_array(), found["c_maps"][0, ..., 0], rtol=1e-6)


def test_explaining_in_the_regular_form(cell):
    found = cell("""
logits, cams = ke.explain(
  ke.methods.cam.gradcam,
  model_exp,
  inputs,
  explaining_units,
  batch_size=32,
  postprocessing=ke.filters.positive_normalize,
)
""")
    np.testing.assert_allclose(found["cams"], found["gc_maps"], rtol=1e-3, atol=1e-4)


def test_explaining_by_calling_a_method(cell):
    direct = cell("logits, cams = ke.methods.cams.gradcam(model, inputs, explaining_units)")["cams"]
    expected = ke.filters.positive_normalize(direct)
    found = cell("""
# Or the following, which is more efficient:
gradcam = tf.function(ke.methods.cams.gradcam, reduce_retracing=True)
logits, cams = gradcam(model, inputs, explaining_units)

cams = ke.filters.positive_normalize(cams)
cams = tf.image.resize(cams, (299, 299)).numpy()
""")
    assert found["cams"].shape == (COUNT, 299, 299, 1)
    wide = keras.ops.image.resize(expected, (299, 299))
    np.testing.assert_allclose(found["cams"], wide, rtol=1e-3, atol=1e-4)


# Full Gradients


def test_full_gradients_template(cell):
    found = cell("""
import ke_widgets as ke

def build_model(*sizes):
  return tf.keras.Sequential([
    tf.keras.Input((64, 64, 3)),
    tf.keras.layers.Conv2D(8, 3, strides=2, activation='relu'),
    tf.keras.layers.BatchNormalization(),
    tf.keras.layers.GlobalAveragePooling2D(),
    tf.keras.layers.Dense(10, activation='softmax'),
  ])

model = build_model(...)
model.layers[-1].activation = 'linear'  # Usually softmax or sigmoid.

logits = ke.inspection.get_logits_layer(model)
inters, biases = ke.inspection.layers_with_biases(model, exclude=[logits])

model = ke.inspection.expose(model, inters, logits)

x, y = (
  np.random.rand(32, 64, 64, 3),
  np.random.randint(10, size=[32, 1])
)

logits, maps = ke.full_gradients(
  model,
  x,
  y,
  biases=biases,
)
""")
    assert (found["logits"].shape, found["maps"].shape) == ((32, 1), (32, 64, 64, 1))


def test_full_gradients_of_xception(cell):
    found = cell("""
model = tf.keras.applications.Xception(
  classifier_activation=None,
  weights=None,
  input_shape=(71, 71, 3),
)

print(f'Xception pretrained over ImageNet was loaded.')
print(f"Spatial map sizes: {model.get_layer('avg_pool').input.shape}")

from tensorflow.keras.applications.imagenet_utils import preprocess_input

inputs = preprocess_input(images.astype("float").copy(), mode="tf")
logits = model.predict(inputs, verbose=0)
indices = np.argsort(logits, axis=-1)[:, ::-1]

explaining_units = indices[:, :1]  # First-most likely classes.

logits = ke.inspection.get_logits_layer(model)
inters, biases = ke.inspection.layers_with_biases(model, exclude=[logits])

model = ke.inspection.expose(model, inters, logits)

_, maps = ke.full_gradients(
  model,
  inputs,
  explaining_units,
  biases=biases,
)

figure = ke.utils.visualize(
  images=[*images, *maps, *images],
  overlays=[None] * (2 * len(images)) + [*maps],
)
""")
    assert found["maps"].shape == (COUNT, 71, 71, 1)
    assert [len(axis.get_images()) for axis in found["figure"].axes][: 3 * COUNT] == [1] * 2 * COUNT + [2] * COUNT
