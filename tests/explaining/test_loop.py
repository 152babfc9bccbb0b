import concurrent.futures
import gc
import inspect
import json
import os
import socket
import subprocess
import sys
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import ke_widgets as ke
from ke_widgets.engine import compiling
from ke_widgets.engine.compiling import compiled
from ke_widgets.explaining.loop import explain, explain_batches
from ke_widgets.explaining.shortcuts import partial_explain
from ke_widgets.methods.cams import gradcam
from tests import models

ROOT = Path(__file__).parents[2]
UNITS = np.array([[0, 2], [1, 0], [2, 2], [0, 1], [1, 1], [2, 0], [0, 0]])
COUNT = len(UNITS)


@pytest.fixture(scope="module")
def model():
    return models.fused()


@pytest.fixture(scope="module")
def expected(model):
    return [np.asarray(x) for x in gradcam(ke.inspection.expose(model), models.images(COUNT), UNITS)]


def check(found, expected, count=COUNT):
    logits, maps = found
    assert isinstance(logits, np.ndarray)
    assert isinstance(maps, np.ndarray)
    np.testing.assert_allclose(logits, expected[0][:count], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(maps, expected[1][:count], rtol=1e-5, atol=1e-6)


def run(model, *args, **options):
    return explain(gradcam, ke.inspection.expose(model), *args, **{"verbose": 0, "resizing": False, **options})


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, number):
        chosen = slice(3 * number, 3 * number + 3)
        return models.images(COUNT)[chosen], UNITS[chosen]


def dataset():
    return tf.data.Dataset.from_tensor_slices((models.images(COUNT), UNITS))


def batches():
    for number in range(3):
        yield Batches()[number]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (lambda: (models.images(COUNT), UNITS), {}),
        (lambda: (models.images(COUNT), UNITS), {"batch_size": 3}),
        (lambda: (tf.constant(models.images(COUNT)), tf.constant(UNITS)), {"batch_size": 2}),
        (lambda: (models.images(COUNT), UNITS.tolist()), {"batch_size": 3, "run_eagerly": True}),
        (lambda: (models.images(COUNT), UNITS), {"batch_size": 2, "steps_per_execution": 2}),
        (lambda: (models.images(COUNT), UNITS), {"jit_compile": True}),
        (lambda: (dataset().batch(3),), {}),
        (lambda: (dataset().batch(3).repeat(),), {"steps": 2}),
        (lambda: (Batches(workers=2),), {}),
        (lambda: (batches(),), {"steps": 3}),
    ],
    ids=["array", "batches", "tensors", "eager", "two at once", "xla", "dataset", "infinite", "PyDataset", "generator"],
)
def test_data_of_every_kind_gives_what_the_method_gives(model, expected, data, options):
    before = models.snapshot(model)
    check(run(model, *data(), **options), expected, 6 if "steps" in options and options["steps"] == 2 else COUNT)
    assert models.same(before, models.snapshot(model)) == []


def test_all_units_are_explained_when_none_are_given(model):
    everything = gradcam(ke.inspection.expose(model), models.images(COUNT))
    for x in (models.images(COUNT), tf.data.Dataset.from_tensor_slices(models.images(COUNT)).batch(3)):
        check(run(model, x), [np.asarray(part) for part in everything])


def test_models_of_several_inputs_take_lists_and_dicts():
    model = models.siamese()
    pair = [models.images(5), models.images(5, seed=1)]
    found = explain(gradcam, ke.inspection.expose(model), pair, UNITS[:5], batch_size=2, verbose=0, resizing=False)
    check(found, [np.asarray(x) for x in gradcam(ke.inspection.expose(model), pair, UNITS[:5])], 5)
    model = models.multi_input()
    named = {"image": models.images(5), "extra": np.ones((5, 2), "float32")}
    found = ke.gradcam(model, named, UNITS[:5], verbose=0, postprocessing=None, resizing=False)
    check(found, [np.asarray(x) for x in gradcam(ke.inspection.expose(model), named, UNITS[:5])], 5)


def test_batches_come_one_by_one(model, expected):
    exposed = ke.inspection.expose(model)
    for data, options in [
        ((models.images(COUNT), UNITS), {"batch_size": 3}),
        ((dataset().batch(3),), {}),
        ((Batches(),), {}),
        ((batches(),), {}),
    ]:
        found = list(explain_batches(gradcam, exposed, *data, resizing=False, **options))
        assert [len(logits) for logits, _ in found] == [3, 3, 1]
        check([np.concatenate(part) for part in zip(*found)], expected)
    assert len(list(explain_batches(gradcam, exposed, dataset().batch(3).repeat(), steps=4))) == 4


def test_callbacks_see_every_batch_and_can_stop(model, expected):
    class Stop(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_predict_begin(self, logs=None):
            self.seen.append("begin")

        def on_predict_batch_end(self, batch, logs=None):
            self.seen.append(tuple(logs["outputs"][1].shape))
            self.model.stop_predicting = len(self.seen) == 3

        def on_predict_end(self, logs=None):
            self.seen.append("end")

    stop = Stop()
    check(run(model, models.images(COUNT), UNITS, batch_size=3, callbacks=[stop]), expected, 6)
    assert stop.seen == ["begin", (3, 6, 6, 2), (3, 6, 6, 2), "end"]


def test_the_progress_bar_is_kerass_own(model, capsys):
    run(model, models.images(COUNT), UNITS, batch_size=3, verbose=2)
    assert "3/3" in capsys.readouterr().out
    run(model, models.images(COUNT), UNITS, verbose=0)
    assert capsys.readouterr().out == ""


def counted():
    traces = []

    def method(model, inputs, indices, indices_axis=-1, indices_batch_dims=-1, spatial_axis=(-3, -2), **own):
        traces.append(own)
        return gradcam(model, inputs, indices)

    return method, traces


def test_a_second_call_does_not_trace_again():
    model, (method, traces) = models.fused(), counted()
    for _ in range(3):
        explain(method, ke.inspection.expose(model), models.images(COUNT), UNITS, batch_size=3, verbose=0, scale=2)
    explain(method, ke.inspection.expose(model), models.images(5), UNITS[:5], batch_size=5, verbose=0, scale=2)
    assert traces == [{"scale": 2}]
    explain(method, ke.inspection.expose(model), models.images(5), UNITS[:5], verbose=0, scale=3)
    assert len(traces) == 2
    for _ in range(2):
        arrays = [np.arange(3.0), np.ones(2)]
        explain(method, ke.inspection.expose(model), models.images(5), UNITS[:5], verbose=0, biases=arrays)
    assert len(traces) == 3
    list(explain_batches(method, ke.inspection.expose(model), models.images(5), UNITS[:5], batch_size=2, scale=2))
    assert len(traces) == 3


def test_eight_compiled_functions_are_kept_at_most():
    model, (method, _) = models.fused(), counted()
    exposed = ke.inspection.expose(model)
    for number in (*range(10), 9, 2):
        explain(method, exposed, models.images(1), verbose=0, number=number, run_eagerly=True)
    assert len(compiling._CACHE[model]) == compiling.LIMIT == 8


def test_a_deleted_model_is_collected():
    model = models.nested()
    ke.gradcam(model, models.images(2), UNITS[:2], verbose=0)
    ke.gradients(ke.inspection.expose(model), models.images(2), verbose=0)
    compiled(gradcam, ke.inspection.expose(model))(models.images(2), UNITS[:2])
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert not any(key is None for key in compiling._CACHE)


def test_weights_that_changed_are_seen_without_compiling_again():
    model = models.fused()
    first = ke.gradcam(model, models.images(2), UNITS[:2], verbose=0)[0]
    models.randomize(model, seed=1)
    second = ke.gradcam(model, models.images(2), UNITS[:2], verbose=0)[0]
    fresh = np.asarray(gradcam(ke.inspection.expose(model), models.images(2), UNITS[:2])[0])
    np.testing.assert_allclose(second, fresh, rtol=1e-5)
    assert np.abs(first - second).max() > 0.1


def test_the_models_own_way_of_running_is_taken(model):
    ways = []

    def method(exposed, inputs, indices, **axes):
        ways.append(tf.executing_eagerly())
        return gradcam(exposed, inputs, indices)

    eager = models.fused()
    eager.compile(run_eagerly=True)
    explain(method, ke.inspection.expose(eager), models.images(1), UNITS[:1], verbose=0)
    explain(method, ke.inspection.expose(model), models.images(1), UNITS[:1], verbose=0)
    explain(method, ke.inspection.expose(eager), models.images(1), UNITS[:1], verbose=0, run_eagerly=False)
    assert ways == [True, False, False]


def test_filters_come_before_resizing(model, expected):
    _, maps = ke.gradcam(model, models.images(COUNT), UNITS, verbose=0)
    small = ke.filters.positive_normalize(expected[1])
    wanted = keras.ops.image.resize(small, (8, 8), data_format="channels_last")
    np.testing.assert_allclose(maps, wanted, rtol=1e-4, atol=1e-5)
    _, maps = run(model, models.images(COUNT), UNITS, resizing=(12, 10))
    np.testing.assert_allclose(maps, keras.ops.image.resize(expected[1], (12, 10)), rtol=1e-4, atol=1e-5)


def test_images_of_any_size_get_maps_of_their_size():
    model = models.flat(shape=(None, None, 3))
    for size in (8, 11):
        assert ke.gradcam(model, models.images(2, (size, size + 1, 3)), verbose=0)[1].shape == (2, size, size + 1, 3)


def test_a_plain_model_is_exposed_as_its_method_wants_it(model, expected):
    check(ke.gradcam(model, models.images(COUNT), UNITS, verbose=0, postprocessing=None, resizing=None), expected)
    logits, _ = ke.gradients(model, models.images(COUNT), verbose=0)
    np.testing.assert_allclose(keras.ops.softmax(logits), model(models.images(COUNT)), rtol=1e-5)


def test_a_partial_has_the_defaults_that_it_was_given(model, expected):
    shortcut = partial_explain(gradcam, "signal", batch_size=3, verbose=0, resizing=False)
    check(shortcut(model, models.images(COUNT), UNITS), expected)
    assert inspect.signature(shortcut).parameters["batch_size"].default == 3
    with pytest.raises(
        TypeError, match=r"`ke.gradcam` has no argument 'chanels'. Known arguments: model, x, y, .*, callbacks"
    ):
        shortcut(model, models.images(COUNT), chanels="max")
    with pytest.raises(ValueError, match=r"`defaults` must be among .* Received: \['chanels'\]"):
        partial_explain(gradcam, chanels="max")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (UNITS.astype(float), "`y` must hold integers.* Received: y of dtype float64"),
        (UNITS[:5, 0], r"or be \(B,\), one unit for each, or one integer for all. Received: y of shape \(5,\)"),
        (
            UNITS[:3],
            r"`y` must have a row of at least one unit for each of the 7 images.* Received: y of shape \(3, 2\)",
        ),
        (UNITS[:, :0], r"Received: y of shape \(7, 0\)"),
        (-UNITS, "`y` must hold units from 0. Received: y with -2"),
        (UNITS + 2, "must count from 0 to one less than the number of units, 3. Received: units from 2 to 4"),
        (UNITS > 1, "Received: y of dtype bool"),
    ],
)
def test_units_that_do_not_fit_are_refused(model, y, message):
    for function in (run, lambda *args: next(explain_batches(gradcam, ke.inspection.expose(model), *args[1:]))):
        with pytest.raises(ValueError, match=message):
            function(model, models.images(COUNT), y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            np.eye(3)[[0, 1, 2]],
            r"`y` in the data must be integers \(B,\) or \(B, U\).* dtype float64 and shape \(\w+, 3\)",
        ),
        (np.zeros((3, 1, 1), int), r"`y` in the data must be integers \(B,\) or \(B, U\).* shape "),
        (np.full((3, 1), 3), "must count from 0 to one less than the number of units, 3"),
        (np.full((3, 1), -1), "must count from 0 to one less than the number of units, 3"),
    ],
)
def test_units_in_the_data_that_do_not_fit_are_refused(model, y, message):
    with pytest.raises(ValueError, match=message):
        run(model, tf.data.Dataset.from_tensor_slices((models.images(3), y)).batch(2))


def test_arguments_that_exclude_each_other_are_refused(model):
    with pytest.raises(ValueError, match=r"`y` must not be given where `x` brings batches of its own"):
        run(model, dataset().batch(2), UNITS)
    with pytest.raises(ValueError, match=r"`batch_size` must not be given .* Received: batch_size beside x=generator"):
        run(model, batches(), batch_size=2)
    with pytest.raises(ValueError, match="`run_eagerly` and `jit_compile` exclude each other"):
        run(model, models.images(2), run_eagerly=True, jit_compile=True)
    with pytest.raises(ValueError, match="`x` must be at least one image"):
        run(model, models.images(0))
    with pytest.raises(ValueError, match=r"of one length. Received: x of type list, of lengths \[2, 3\]"):
        run(model, [models.images(2), models.images(3)])
    with pytest.raises(TypeError, match=r"`model` must be a keras.Model. Received: None"):
        explain(gradcam, None, models.images(2))


def alone(code, *args):
    """Run code in a process of its own; give what it printed last, as JSON."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


MIRRORED = """
import json, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import ke_widgets as ke
from tests import models
x, y = models.images(7), np.arange(7)[:, None] % 3
single = models.fused()
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    double = models.fused()
double.set_weights(single.get_weights())
exposed = ke.inspection.expose(double)
one = ke.gradcam(single, x, y, verbose=0, batch_size=4)
two = ke.gradcam(double, x, y, verbose=0, batch_size=4)
parts = [np.concatenate(p) for p in zip(*ke.explain_batches(ke.methods.cams.gradcam, exposed, x, y, batch_size=4,
    postprocessing=ke.filters.positive_normalize, resizing=True))]
print(json.dumps([double.distribute_strategy.num_replicas_in_sync,
                  *(float(np.abs(a - b).max()) for other in (two, parts) for a, b in zip(one, other))]))
"""


def test_two_mirrored_devices_give_what_one_gives():
    replicas, *differences = alone(MIRRORED)
    assert replicas == 2
    assert max(differences) < 1e-6


WORKER = """
import json, os, sys
index, *ports = map(int, sys.argv[1:])
cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
import numpy as np, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
import ke_widgets as ke
from tests import models
x, y = models.images(7), np.arange(7)[:, None] % 3
with strategy.scope():
    double = models.fused()
two = ke.gradcam(double, x, y, verbose=0, batch_size=4)
single = models.fused()
one = ke.gradcam(single, x, y, verbose=0, batch_size=4)
print(json.dumps([strategy.num_replicas_in_sync, *(float(np.abs(a - b).max()) for a, b in zip(one, two))]))
"""


def test_two_workers_on_this_machine_give_what_one_gives():
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in (one, other)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda index: alone(WORKER, index, *ports), range(2)))
    for workers, *differences in found:
        assert workers == 2
        assert max(differences) < 1e-6


MEMORY = """
import json, threading, time, numpy as np, psutil, tensorflow as tf, keras
import ke_widgets as ke
from keras import layers
model = keras.Sequential([keras.Input((96, 96, 3)), layers.Conv2D(4, 3, strides=4, activation="relu"),
                          layers.GlobalAveragePooling2D(), layers.Dense(3)])
process, peak, running = psutil.Process(), [0], [True]
def watch():
    while running[0]:
        peak[0] = max(peak[0], process.memory_info().rss)
        time.sleep(0.005)
draw = np.random.default_rng(0).random((64, 96, 96, 3), "float32")
data = tf.data.Dataset.from_tensors(draw).repeat(157)
start = process.memory_info().rss
threading.Thread(target=watch).start()
seen = 0
try:
    for logits, maps in ke.explain_batches(ke.methods.cams.gradcam, ke.inspection.expose(model), data, resizing=True):
        assert maps.shape == (64, 96, 96, 3)
        seen += len(maps)
finally:
    running[0] = False
print(json.dumps([seen, (peak[0] - start) / 2**20]))
"""


def test_ten_thousand_images_in_batches_stay_below_300_mib(capsys):
    seen, peak = alone(MEMORY)
    with capsys.disabled():
        print(f"\nexplain_batches over {seen} images of 96 x 96: peak {peak:.0f} MiB above the start")
    assert seen >= 10_000
    assert peak < 300
