"""Few samples, for tests of every method that ask nothing of their number."""

import inspect

import numpy as np

FEW = {"samples": 12, "steps": 4, "repetitions": 3, "window": 3, "stride": 2, "grid": 2, "cells": 2}


def fewer(method, shape=None):
    """Return the parameters of a method that make it quick; `shape` is that of an image, for a background of two."""
    known = inspect.signature(method).parameters
    own = {name: value for name, value in FEW.items() if name in known}
    if "background" in known:
        own["background"] = np.random.default_rng(7).normal(size=(2, *shape))
    return own
