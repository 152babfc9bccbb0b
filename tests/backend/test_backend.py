"""Which backend's names there are."""

import subprocess
import sys

import pytest

from ke_widgets import backend
from ke_widgets.backend import tensorflow


def test_the_names_are_those_of_the_backend_that_keras_runs_on():
    for name in backend.NAMES:
        assert getattr(backend, name) is getattr(tensorflow, name)
    assert list(backend.NAMES) == sorted({*backend.NAMES})


@pytest.mark.parametrize("code", ["import ke_widgets.backend", "import ke_widgets as ke; ke.gradcam"])
def test_another_backend_is_refused_in_one_sentence_that_names_what_fits(code):
    code = f"import keras; keras.backend.backend = lambda: 'numpy'; {code}"  # Keras's own one needs SciPy.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: KERAS_BACKEND must be a backend that ke_widgets has a module for: tensorflow. "
        "Received: KERAS_BACKEND=numpy. Set it before Keras is imported."
    )
