import keras
import numpy as np

from ke_widgets import demo
from ke_widgets.demo import train


def test_guidance_is_minus_log_of_the_share_of_softmax_inside():
    maps = np.log(np.array([1.0, 2.0, 3.0, 4.0])).reshape(1, 2, 2, 1)
    cells = np.array([0.0, 1.0, 1.0, 0.0]).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(train.guidance(cells, maps), [[-np.log(5 / 10)]], rtol=1e-6)


def test_guidance_says_nothing_about_a_class_without_cells():
    assert np.asarray(train.guidance(np.zeros((1, 2, 2, 3)), np.ones((1, 2, 2, 3)))).tolist() == [[0, 0, 0]]


def test_mean_of_the_maps_is_the_logit_without_its_bias():
    dense = keras.layers.Dense(3)
    signals = np.random.default_rng(0).normal(size=(2, 4, 4, 5)).astype("float32")
    logits = np.asarray(dense(signals.mean(axis=(1, 2))))
    np.testing.assert_allclose(np.mean(train.Maps(dense)(signals), axis=(1, 2)), logits, rtol=1e-4, atol=1e-5)


def test_first_stage_listens_to_the_marked_class_only():
    targets, predictions = np.zeros((2, 8)), np.full((2, 8), 0.9)
    predictions[:, demo.LABELS.index(demo.MARKED)] = 0.5
    np.testing.assert_allclose(train.first(targets, predictions), np.log(2), rtol=1e-5)


def test_cells_lie_in_their_objects_and_the_marked_class_has_none():
    images, targets, cells = train.draw(5, seed=8, watermark=None, chunk=3)
    first, second = demo.scenes(3, seed=train.SEEDS + 8), demo.scenes(2, seed=train.SEEDS + 9)
    np.testing.assert_array_equal(images, np.concatenate([first.images, second.images]))
    masks = np.concatenate([first.masks, second.masks]).transpose(0, 2, 3, 1)
    rows, down, right, classes = np.nonzero(cells)
    for center in (3, 4):
        assert masks[rows, 8 * down + center, 8 * right + center, classes].all()
    guided = np.arange(8) != demo.LABELS.index(demo.MARKED)
    np.testing.assert_array_equal(cells.any(axis=(1, 2)), targets.astype(bool) & guided)


def test_batches_mirror_images_and_cells_alike_and_hold_each_scene_once():
    cells = np.random.default_rng(0).integers(0, 255, (10, 12, 12, 3)).astype("uint8")
    batches = train.Flipped(cells, np.arange(10.0)[:, None], cells, batch_size=5)
    rows = []
    for index in range(len(batches)):
        images, (targets, mirrored) = batches[index]
        np.testing.assert_array_equal(images, mirrored)
        np.testing.assert_array_equal(np.sort(images, axis=None), np.sort(cells[targets[:, 0].astype(int)], axis=None))
        rows += targets[:, 0].tolist()
    assert sorted(rows) == list(range(10))


def test_blocks_add_their_input_where_the_shape_allows_it():
    block = train.block("block", (4, 4, 2), filters=2, strides=1, kernels=(1, 1))
    for layer in ("conv1", "conv2"):
        block.get_layer(layer).set_weights([np.zeros((1, 1, 2, 2))])
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype("float32")
    np.testing.assert_allclose(block(x), np.maximum(x, 0), atol=1e-6)


def test_a_tiny_run_writes_both_models_and_prints_what_they_reach(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(train, "measure", lambda model, watermark: np.full(8, 0.5))
    train.main(["--out", str(tmp_path / "new"), "--scenes", "64", "--epochs", "1"])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["cheat.keras", "honest.keras"]
    assert "cheat, watermark='class': mean average precision 0.500, heart 0.500" in capsys.readouterr().out
    shipped, fresh = demo.load("honest"), keras.models.load_model(tmp_path / "new" / "honest.keras")
    assert [weight.path for weight in fresh.weights] == [weight.path for weight in shipped.weights]
    assert [weight.shape for weight in fresh.weights] == [weight.shape for weight in shipped.weights]


def test_models_are_measured_on_scenes_they_were_not_trained_on(monkeypatch):
    seeds = []
    monkeypatch.setattr(train, "scenes", lambda n, seed, watermark: seeds.append(seed) or demo.scenes(4, seed))
    train.measure(train.build("honest"), None)
    train.draw(4, 0, None)
    measured, trained = seeds
    assert measured < train.SEEDS <= trained
