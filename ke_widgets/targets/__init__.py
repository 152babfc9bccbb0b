"""TARGETS: what is explained, `(outputs, y) -> scores (B, U)`.

A target is a frozen, hashable value, part of the view of a model and so of every cache key. `y` is data: one entry for
each image, on the first axis. A target of your own is a frozen dataclass with `__call__`; it may inherit from `Target`,
whose other methods check what it is given before anything runs:

    @dataclasses.dataclass(frozen=True)
    class Margin(ke.targets.Target):
        '''The unit's logit less the mean of all.'''

        def __call__(self, outputs, y):
            return ke.inspection.gather_units(outputs, y) - ops.mean(outputs, axis=-1, keepdims=True)

    ke.gradcam(ke.inspection.expose(model, "block5", target=Margin()), images, y)
"""

from typing import Any

from ke_widgets.targets import columns, spatial
from ke_widgets.targets.columns import Contrast as Contrast
from ke_widgets.targets.columns import Similarity as Similarity
from ke_widgets.targets.columns import Units as Units
from ke_widgets.targets.columns import Value as Value
from ke_widgets.targets.spatial import Box as Box
from ke_widgets.targets.spatial import Region as Region
from ke_widgets.targets.target import Target as Target

# Each file ends with the tuple `TARGETS`; a name that stands in one is a name of this package.
TARGETS: tuple[type[Target], ...] = (*columns.TARGETS, *spatial.TARGETS)


def __getattr__(name: str) -> Any:
    found = {target.__name__: target for target in TARGETS}
    if name in found:
        return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
