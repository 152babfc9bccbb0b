"""Every method on scenes whose answers are known: `python -m tests.benchmarks.pointing [SCENES]`.

The demo's honest model, on scenes that it has not seen: of each class that occurs, whether the maximum of its map lies
on the object (pointing game), and the share of the positive values that does (energy). The table goes into
`POINTING.md` beside this file, as it comes out. The model was trained with a hint where objects lie: the figures check
the methods as they are built here, and rank none of them.
"""

import datetime
import sys
import time
from pathlib import Path

import numpy as np

import ke_widgets as ke
from ke_widgets import demo
from ke_widgets.engine.compiling import compiled
from ke_widgets.inspection import expose, logits_endpoint
from ke_widgets.metrics import energy_pointing_game, pointing_game
from ke_widgets.model.exposed import Endpoint, Exposed

UNSEEN, SCENES, BATCH, LAYER = 900_001, 500, 50, "block4/add"
# Parameters that are not the defaults: scenes of 96 pixels, and what takes longest.
OWN = {
    "occlusion": {"window": 12, "stride": 6},
    "rise": {"samples": 500},
    "lime": {"samples": 500},
    "kernel_shap": {"samples": 500},
    "sobol": {"samples": 8},
    "hsic": {"samples": 300},
    "guided_integrated_gradients": {"steps": 50},
    "expected_gradients": {"samples": 50},
}
HEAD = """\
# Where the maps lie

Written by `python -m tests.benchmarks.pointing` on {date}: the honest demo model, {scenes} unseen scenes, {maps} maps
of classes that occur, at the layer `{layer}`. Pointing game: the maximum of the map lies on the object (chance:
{chance:.1%} of the pixels are the object's). Energy: the share of the map's positive values that lies on it. The model
was trained with a hint where objects lie: the figures check the methods as they are built here, and rank none of them.

| family | method | parameters | pointing game | energy |
| --- | --- | --- | --- | --- |
"""


def maps_of(name, model, images, units, scenes, background):
    """Return maps `(N, H', W', 1)` of one unit for each image."""
    method, spec = ke.methods.table()[name]
    own = {**OWN.get(name, {}), **({"background": background} if "background" in spec.data else {})}
    view = expose(model, []) if spec.reads != "signal" else Exposed(model, [logits_endpoint(model), Endpoint(LAYER)])
    explain = compiled(method, view, **own)
    evaluations = getattr(method, "evaluations", None)
    if evaluations is not None and not evaluations.differentiates:  # All units at once cost no more than one.
        _, first, scene = np.unique(scenes, return_index=True, return_inverse=True)
        maps = _in_parts(explain, images[first], None)
        return np.take_along_axis(maps[scene], units[:, None, None], axis=-1)
    return _in_parts(explain, images, units)


def _in_parts(explain, images, units):
    parts = [slice(start, start + BATCH) for start in range(0, len(images), BATCH)]
    return np.concatenate([np.asarray(explain(images[p], None if units is None else units[p])[1]) for p in parts])


def main(scenes=SCENES):
    model, data = demo.load("honest"), demo.scenes(scenes, seed=UNSEEN)
    background = demo.scenes(16, seed=UNSEEN + 1).images.astype("float32")
    scene, unit = np.nonzero(data.targets)
    images, units = data.images[scene].astype("float32"), unit[:, None].astype("int32")
    masks = data.masks[scene, unit][..., None]
    head = HEAD.format(
        date=datetime.date.today(), scenes=scenes, maps=len(scene), layer=LAYER, chance=float(masks.mean())
    )
    rows = []
    for name, (method, _) in ke.methods.table().items():
        started = time.perf_counter()
        maps = maps_of(name, model, images, units, scene, background)
        hits, energy = pointing_game(maps, masks).values.mean(), np.nanmean(energy_pointing_game(maps, masks).values)
        own = ", ".join(f"{key} {value}" for key, value in OWN.get(name, {}).items()) or "defaults"
        rows.append(f"| {ke.methods.family_of(method)} | `{name}` | {own} | {hits:.1%} | {energy:.1%} |")
        print(rows[-1], f"{time.perf_counter() - started:.0f} s", flush=True)
        Path(__file__).with_name("POINTING.md").write_text(head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
