import numpy as np
import pytest

from ke_widgets import metrics
from ke_widgets.methods import Progress
from ke_widgets.metrics.spec import Curve, Result, Spec, measured_by

MAPS = np.random.default_rng(0).random((2, 4, 4, 3))


def test_a_metric_of_ones_own_is_a_function_and_may_have_steps():
    def highest(maps):
        return Result(maps.max(axis=(1, 2)))

    (only,) = metrics.step_by_step(highest, MAPS)
    np.testing.assert_array_equal(only.result().values, MAPS.max(axis=(1, 2)))

    def row_by_row(maps, *, power):
        total = 0.0
        for number, row in enumerate(np.moveaxis(maps, 1, 0), 1):
            total = total + (row**power).sum(axis=1)
            yield Progress(number, maps.shape[1], lambda found=total: Result(found))

    @measured_by(row_by_row)
    def energy(maps, *, power=2):
        """Sum of powers."""
        ...

    np.testing.assert_allclose(energy(MAPS).values, (MAPS**2).sum(axis=(1, 2)))
    found = [p.result().values for p in metrics.step_by_step(energy, MAPS, power=1)]
    np.testing.assert_allclose(found[1], MAPS[:, :2].sum(axis=(1, 2)))
    with pytest.raises(TypeError, match=r"ke.metrics.energy.*powr"):
        energy(MAPS, powr=3)


def test_a_result_holds_values_and_a_curve():
    result = Result(np.ones((1, 1)), Curve(np.array([0.0, 1.0]), np.ones((1, 2, 1))))
    assert result.curve is not None
    assert result.curve.shares[-1] == 1
    assert Result(np.zeros((1, 1))).curve is None
    assert Spec("A", None, ("model",), "arXiv:1").needs == ("model",)
