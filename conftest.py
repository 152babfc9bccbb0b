"""What holds for every test and doctest: a quiet TensorFlow on the CPU, and the names that docstring examples use."""

import os

# Before anything imports TensorFlow; kernels and other processes that tests start inherit it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("MPLBACKEND", "agg")

import pytest


@pytest.fixture(autouse=True)
def _doctest_names(request, doctest_namespace):
    """`np` and `ke` in every docstring example, as in a notebook that has imported both."""
    if isinstance(request.node, pytest.DoctestItem):
        import numpy as np

        import ke_widgets as ke

        doctest_namespace.update(np=np, ke=ke)
