"""Every method under every `floatx` of Keras, each in a process of its own: it is the process's setting."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
RUN = """
import json, sys
import keras, numpy as np
keras.config.set_floatx(sys.argv[1])
import ke_widgets as ke
from ke_widgets import methods
from ke_widgets.methods import meta, step_by_step, table
from keras import layers
from tests.methods.fewer import fewer

keras.utils.set_random_seed(0)
inputs = keras.Input((6, 6, 2))
x = layers.Conv2D(3, 3, activation="relu", name="conv")(inputs)
model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="scores")(layers.GlobalAveragePooling2D()(x)))
rng = np.random.default_rng(0)
model.set_weights([rng.uniform(-0.5, 0.5, w.shape) for w in model.get_weights()])
images = rng.normal(size=(2, 6, 6, 2)).astype(sys.argv[2])
exposed, units = ke.inspection.expose(model), np.array([[0, 2], [1, 1]])
# Of each precision, other noise is drawn: so there is next to none.
every = {name: method for name, (method, _) in table().items()}
every |= {"smooth": meta.smooth(methods.cams.gradcam, 4, noise=1e-3), "tta": meta.tta(methods.cams.gradcam),
          "square": meta.smooth(methods.gradient.gradients, 3, noise=1e-3, statistic="square"),
          "contrast": meta.contrast(methods.cams.scorecam), "tta of scorecam": meta.tta(methods.cams.scorecam)}
found = {}
for name, method in every.items():
    own = fewer(method, (6, 6, 2)) | ({"noise": 1e-5} if "noise" in methods.own_names(method) else {})
    looked_at = model if name == "full_gradients" else exposed
    # Full-gradients add up what the image and the biases give: it is called with an image of the model's precision.
    x = images.astype(sys.argv[1]) if name == "full_gradients" else images
    logits, maps = method(looked_at, x, units, **own)
    if hasattr(method, "evaluations"):
        for progress in step_by_step(method, looked_at, keras.ops.convert_to_tensor(x), units, **own):
            pass
    by_loop = ke.explain(method, looked_at, images, units, resizing=False, verbose=0, **own)
    for one, other in zip(by_loop, (logits, maps)):
        np.testing.assert_allclose(one, other, rtol=2e-2, atol=2e-3, err_msg=name)
    found[name] = [np.asarray(logits, "float64").tolist(), np.asarray(maps, "float64").tolist()]
for weights in ("classes", "logits"):
    _, maps = methods.cams.scorecam(exposed, images, units, weights=weights, baseline=True, batch_size=2)
    found[weights] = [np.asarray(maps, "float64").tolist()]
ke.metrics.deletion(model, images, found["gradcam"][1], units, steps=3)
found["shortcuts"] = [
    np.asarray(getattr(ke, name)(model, images, units, verbose=0, **fewer(method, (6, 6, 2)))[1], "float64").tolist()
    for name, (method, _) in table().items() if not hasattr(method, "evaluations")]
print(json.dumps(found))
"""


def found(floatx, images):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, floatx, images]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def expected():
    return found("float64", "float64")


@pytest.mark.parametrize(
    ("floatx", "images", "tolerance"),
    [
        ("float64", "float16", 2e-2),
        ("float32", "float16", 2e-2),
        ("float32", "float64", 1e-4),
        ("float16", "float16", 5e-2),
    ],
)
def test_every_method_gives_the_same_maps_in_any_precision(expected, floatx, images, tolerance):
    for name, values in found(floatx, images).items():
        for one, other in zip(values, expected[name]):
            one, other = np.asarray(one), np.asarray(other)
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, np.abs(other).max()), err_msg=name)
