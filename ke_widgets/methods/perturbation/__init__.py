"""Perturbation methods: the score of the image without parts of it."""

from collections.abc import Callable
from typing import Any

from ke_widgets.methods.perturbation.segments import superpixels as superpixels
from ke_widgets.methods.spec import by_name, gather

METHODS = gather(__name__, "windows", "masks", "surrogates", "sensitivity")


def __getattr__(name: str) -> Callable[..., Any]:
    return by_name(__name__, METHODS, name)
