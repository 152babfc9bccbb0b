"""Path methods: gradients gathered on the way from a baseline image to the image."""

from collections.abc import Callable
from typing import Any

from ke_widgets.methods.spec import by_name, gather

METHODS = gather(__name__, "integrated", "expected", "blurred", "guided")


def __getattr__(name: str) -> Callable[..., Any]:
    return by_name(__name__, METHODS, name)
