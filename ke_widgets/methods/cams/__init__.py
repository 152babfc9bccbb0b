"""Class activation maps: weighted sums of the channels of one spatial signal."""

from collections.abc import Callable
from typing import Any

from ke_widgets.methods.cams.combining import at_each_call as at_each_call
from ke_widgets.methods.spec import by_name, gather

_FILES = (
    *("head_weighted", "gradient_weighted", "score_weighted", "ablation_weighted", "eigen", "finer"),
    "curvature_weighted",
)
METHODS = gather(__name__, *_FILES)


def __getattr__(name: str) -> Callable[..., Any]:
    return by_name(__name__, METHODS, name)
