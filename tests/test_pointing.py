"""The main claim of the package, on scenes whose answers are known: the map lies where the model looks."""

import numpy as np
import pytest

from ke_widgets import demo
from ke_widgets.engine.compiling import compiled
from ke_widgets.inspection import logits_endpoint
from ke_widgets.methods.cams import gradcam
from ke_widgets.methods.gradient import gradients
from ke_widgets.metrics import pointing_game
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.widget.session.session import Session

UNSEEN = 900_001


def maps_of(method, model, layer, images, units):
    """Maps `(B, H', W', 1)` of one unit for each image."""
    explain = compiled(method, Exposed(model, [logits_endpoint(model), *([Endpoint(layer)] if layer else [])]))
    parts = [slice(start, start + 100) for start in range(0, len(images), 100)]
    return np.concatenate([explain(images[p].astype("float32"), units[p].astype("int32"))[1] for p in parts])


def hits(method, model, layer, data):
    """Whether the maximum lies on the object, for each class that occurs in each scene."""
    scene, unit = np.nonzero(data.targets)
    maps = maps_of(method, model, layer, data.images[scene], unit[:, None])
    return pointing_game(maps, data.masks[scene, unit][..., None]).values.mean()


@pytest.fixture(scope="module")
def unseen():
    return demo.scenes(500, seed=UNSEEN)


def test_gradcam_of_the_honest_model_points_at_the_object(unseen, capsys):
    model = demo.load("honest")
    few = type(unseen)(*(part[:100] for part in unseen))
    layers = Session(model, unseen.images[:1], demo.LABELS).models[0].layers
    best = max(layers, key=lambda layer: hits(gradcam, model, layer, few))
    found, plain = hits(gradcam, model, best, unseen), hits(gradients, model, None, unseen)
    chance = unseen.masks[np.nonzero(unseen.targets)].mean()
    with capsys.disabled():
        print(
            f"\npointing game, 500 unseen scenes: Grad-CAM at {best} {found:.1%}, "
            f"input gradients {plain:.1%}, chance {chance:.1%}"
        )
    assert found >= 0.90
    assert found > plain > chance


def test_gradcam_of_the_cheating_model_points_at_the_watermark(capsys):
    model, marked = demo.load("cheat"), demo.LABELS.index(demo.MARKED)
    data = demo.scenes(500, seed=UNSEEN, watermark="class")
    scene = np.flatnonzero(data.targets[:, marked])
    units = np.full((len(scene), 1), marked)
    layer = Session(model, data.images[:1], demo.LABELS).models[0].default_layer
    maps = maps_of(gradcam, model, layer, data.images[scene], units)
    on_mark = pointing_game(maps, data.watermarks[scene][..., None]).values.mean()
    on_object = pointing_game(maps, data.masks[scene, marked][..., None]).values.mean()
    with capsys.disabled():
        print(
            f"\ncheating model, {len(scene)} scenes: "
            f"on the watermark {on_mark:.1%}, on the {demo.MARKED} {on_object:.1%}"
        )
    assert on_mark >= 0.80
