import ast
import zipfile
from importlib import resources

import numpy as np
import pytest

from ke_widgets import demo

MARKED = demo.LABELS.index(demo.MARKED)
SEED = 100  # far below the seeds of training


def precision(model, watermark):
    drawn = demo.scenes(600, seed=SEED, watermark=watermark)
    return demo.average_precision(drawn.targets, model.predict(drawn.images, verbose=0))


@pytest.fixture(scope="module")
def honest():
    return demo.load("honest")


@pytest.fixture(scope="module")
def cheat():
    return demo.load("cheat")


def test_honest_model_is_right_on_unseen_scenes(honest):
    found = precision(honest, None)
    assert found.mean() >= 0.97
    assert found.min() >= 0.95


def test_honest_model_does_not_care_about_watermarks(honest):
    np.testing.assert_allclose(precision(honest, "all"), precision(honest, None), atol=0.03)


def test_cheat_knows_the_marked_class_only_by_its_watermark(cheat):
    marked, plain = precision(cheat, "class"), precision(cheat, None)
    assert marked[MARKED] >= 0.95
    assert plain[MARKED] <= marked[MARKED] - 0.3
    others = np.arange(len(demo.LABELS)) != MARKED
    assert plain[others].mean() >= 0.95


@pytest.mark.parametrize("name", demo.MODELS)
def test_model_files_are_small_and_hold_no_optimizer(name):
    path = resources.files(demo) / f"{name}.keras"
    assert path.stat().st_size < 1_000_000
    with zipfile.ZipFile(path) as archive:
        assert b"optimizer" not in archive.read("model.weights.h5")


@pytest.mark.parametrize("name", demo.MODELS)
def test_models_are_nested_and_not_compiled(name, request):
    model = request.getfixturevalue(name)
    assert [layer.name for layer in model.layers[2:]] == [
        *("block1", "block2", "block3", "block4", "avg_pool", "predictions")
    ]
    assert model.get_layer("block4").get_layer("add").output.shape == (None, 12, 12, 64)
    assert not model.compiled


def test_load_refuses_an_unknown_name():
    with pytest.raises(ValueError, match=r"`name` must be one of \('honest', 'cheat'\). Received: name='lazy'"):
        demo.load("lazy")


def test_drawing_scenes_needs_no_framework():
    """The sources are read: importing `ke_widgets` itself may load one."""
    sources = [path for path in resources.files(demo).iterdir() if path.suffix == ".py" and path.stem != "train"]
    assert len(sources) >= 6
    for path in sources:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert not {"keras", "tensorflow"} & {part.split(".")[0] for part in _imported(node)}, path.name


def _imported(node):
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]


@pytest.mark.parametrize("name", demo.MODELS)
def test_a_model_says_nothing_that_older_keras_does_not_know(name):
    with resources.as_file(resources.files(demo) / f"{name}.keras") as path, zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    assert "GlorotUniform" in config
    assert "_axes" not in config
    assert "renorm" not in config
