"""What `ke_widgets.metrics` promises of every metric, whichever it is."""

import inspect
import re

import numpy as np
import pytest

from ke_widgets import metrics
from tests import models

EVERY = metrics.table()
FIRST = {"model": ("model", "inputs"), "masks": (), "method": ()}
AFTER = {"model": ("y",), "masks": ("masks",), "method": ("method",)}
MAPS = np.random.default_rng(0).random((2, 4, 4, models.UNITS))


def given(spec):
    """The arguments that a metric needs."""
    side = models.SIZE
    values = {
        "model": (models.fused(), models.images(2)),
        "masks": np.random.default_rng(1).random((2, side, side, models.UNITS)) > 0.5,
    }
    before = values["model"] if "model" in spec.needs else ()
    masks = {"masks": values["masks"]} if "masks" in spec.needs else {}
    return (*before, MAPS), masks


@pytest.mark.parametrize("name", EVERY)
def test_a_metric_takes_the_maps_and_what_it_needs_and_no_more(name):
    metric, spec = EVERY[name]
    found = inspect.signature(metric).parameters.values()
    names = [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
    before = [each for need in spec.needs for each in FIRST[need]]
    after = [each for need in spec.needs for each in AFTER[need]]
    assert names == [*before, "maps", *after]
    assert all(p.default is not p.empty for p in found if p.kind is p.KEYWORD_ONLY)
    for part in ("Returns:", "Source:"):
        assert part in metric.__doc__, part
    assert re.search(r"(arXiv|doi):\S", metric.__doc__)
    assert spec.title
    assert spec.better in ("lower", "higher", None)
    assert re.match(r"(arXiv|doi):\S", spec.source)


@pytest.mark.parametrize("name", EVERY)
def test_it_returns_one_value_for_each_map_and_changes_none(name):
    metric, spec = EVERY[name]
    positional, masks = given(spec)
    before = MAPS.copy()
    result = metric(*positional, **masks)
    assert result.values.shape == (2, models.UNITS)
    np.testing.assert_array_equal(MAPS, before)
    if result.curve is not None:
        shares, scores = result.curve
        assert scores.shape == (2, len(shares), models.UNITS)
        assert (shares[0], shares[-1]) == (0, 1)


@pytest.mark.parametrize("name", EVERY)
def test_a_map_has_the_same_value_alone_and_a_higher_scale_changes_nothing(name):
    metric, spec = EVERY[name]
    positional, masks = given(spec)
    whole = metric(*positional, **masks).values
    first = [x[:1] if isinstance(x, np.ndarray) else x for x in positional]
    alone = metric(*first, **{key: x[:1] for key, x in masks.items()}).values
    np.testing.assert_allclose(alone, whole[:1], rtol=1e-5)
    scaled = metric(*positional[:-1], 4 * MAPS, **masks).values
    np.testing.assert_allclose(scaled, whole, rtol=1e-5)


@pytest.mark.parametrize("name", EVERY)
def test_its_last_step_is_its_result(name):
    metric, spec = EVERY[name]
    positional, masks = given(spec)
    *_, last = metrics.step_by_step(metric, *positional, **masks)
    assert last.done == last.total
    np.testing.assert_array_equal(last.result().values, metric(*positional, **masks).values)
