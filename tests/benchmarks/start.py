"""Fresh processes: what importing costs, and how long it takes to the first map.

`python -m tests.benchmarks.start` prints rows as JSON, one to a line.
"""

import json
import os
import statistics
import subprocess
import sys

from tests.benchmarks.pairing import between

ROUNDS = 7
NETWORKS = ("MobileNetV2",)
FULL = ("MobileNetV2", "EfficientNetV2B0")  # ReLU6 everywhere; SiLU, gates and biases everywhere

TIMED = "import time; start = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"
BUILD = (
    "import keras, numpy as np; model = keras.applications.{}(weights=None); x = np.zeros((1, 224, 224, 3), 'float32')"
)
FORWARD = "import tensorflow\n" + BUILD + "\nmodel(x, training=False).numpy()"
FIRST_MAP = "import ke_widgets as ke\n" + BUILD + "\nke.gradcam(model, x, np.array([[7]]), verbose=0)"
WIDGET_MAP = (
    "import ke_widgets as ke\n" + BUILD + "\nke.ExplainerWidget(model, x + 1, preprocess=lambda x: x).wait().map"
)
FULL_GRADIENTS = (
    "import ke_widgets as ke; ke.full_gradients\n"
    + BUILD
    + "\nstart = time.perf_counter(); ke.full_gradients(model, x + 1, np.array([[7]]), verbose=0)"
)


def rows():
    """Measure imports and first maps.

    Yields:
        Dicts as `methods.rows` gives.
    """
    yield _row("import ke_widgets", "-", "import tensorflow", "import tensorflow", "import ke_widgets", 1.05)
    everything = "import ke_widgets as ke; ke.gradcam, ke.inspection, ke.methods.meta"
    both = "import tensorflow, keras"
    yield _row("import ke_widgets, and use it", "-", "import tensorflow, keras", both, everything, 1.05)
    for name in NETWORKS:
        unit = "import, build, one eager forward"
        yield _row("first map, ke.gradcam", name, unit, FORWARD.format(name), FIRST_MAP.format(name), 1.4)
        yield _row("first map, in the widget", name, unit, FORWARD.format(name), WIDGET_MAP.format(name), None)
    for name in FULL:
        found = statistics.median(_seconds(FULL_GRADIENTS.format(name)) for _ in range(ROUNDS))
        yield _made("first full-gradients, of a model that is built", name, "seconds", None, found, 5)


def _row(work, network, unit, plain, ours, most):
    _seconds(ours)  # writes the bytecode, which an installed package has
    found, seconds = between(lambda: _seconds(plain), lambda: _seconds(ours), ROUNDS)
    return _made(work, network, unit, 1000 * seconds, found, most)


def _made(work, network, unit, milliseconds, ours, most):
    return {
        "work": work,
        "network": network,
        "batch": 1,
        "unit": unit,
        "milliseconds": milliseconds,
        "ours": ours,
        "peers": {},
        "most": most,
        "difference": None,
    }


def _seconds(code):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # Else our sources are compiled each time, and TensorFlow's not.
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(code)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    for row in rows():
        print(json.dumps(row), flush=True)
