"""The kernel half of each feature, one file each; `feature.py` is their contract.

A feature that has a tab is a panel: its page half is the folder of the same name in `js/src/panels/`.
"""

import importlib

from ke_widgets.widget.features.feature import Feature

# By name, so that a new feature is one line: the page's messages carry the same names. Tabs have this order.
_NAMES = (
    "all_layers",
    "images",
    "predictions",
    "curves",
    "path",
    "costs",
    "export",
)
FEATURES: dict[str, Feature] = {name: importlib.import_module(f"{__name__}.{name}").FEATURE for name in _NAMES}
# What the page needs to know of the tabs.
PANELS = [{"name": name, "title": feature.tab} for name, feature in FEATURES.items() if feature.tab]
