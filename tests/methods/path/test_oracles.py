"""Agreement with captum and PAIR's saliency on the three networks of `tests/methods/test_oracles.py`.

The numbers were made by `tests/oracles/path.py`, with the weights of `tests/oracles/make.py`.
"""

from pathlib import Path

import numpy as np
import pytest

from ke_widgets.inspection import expose
from ke_widgets.methods.path import (
    blur_integrated_gradients,
    expected_gradients,
    guided_integrated_gradients,
    integrated_gradients,
)
from tests.methods.test_oracles import build, normed, plain, residual

UNIT, STEPS = 1, 40
NUMBERS = dict(np.load(Path(__file__).parents[2] / "oracles" / "path.npz"))


@pytest.fixture(scope="module", params=[plain, normed, residual], ids=lambda body: body.__name__)
def network(request):
    """A model that gives its logits, its images, and the oracles' numbers for it."""
    model, _, numbers = build(request.param)
    name = request.param.__name__
    found = {key.partition(".")[2]: value for key, value in NUMBERS.items() if key.startswith(name)}
    return expose(model, []), numbers["inputs"], found


def close(maps, expected, tolerance):
    expected = np.asarray(expected)
    np.testing.assert_allclose(np.asarray(maps)[..., 0], expected, rtol=0, atol=tolerance * np.abs(expected).max())


def units(x):
    return np.full((len(x), 1), UNIT)


@pytest.mark.parametrize(("rule", "theirs"), [("midpoint", "riemann_middle"), ("gauss-legendre", "gausslegendre")])
def test_integrated_gradients_are_captums(network, rule, theirs):
    model, x, found = network
    close(integrated_gradients(model, x, units(x), steps=STEPS, rule=rule)[1], found[theirs], 1e-6)


def test_expected_gradients_tend_to_captums_mean_over_the_background(network):
    model, x, found = network
    exact, background = found["expected"], found["background"]
    own = {"steps": 400, "baseline": [*background], "batch_size": 240}
    close(integrated_gradients(model, x, units(x), **own)[1], exact, 1e-6)
    _, maps = expected_gradients(model, x, units(x), background=background, samples=3000, batch_size=250)
    ours, theirs = (
        np.sqrt(np.mean((each - exact) ** 2)) for each in (np.asarray(maps)[..., 0], found["gradient_shap"])
    )
    assert ours < 1.5 * theirs


def test_guided_integrated_gradients_are_pairs(network):
    model, x, found = network
    for theirs, own in (("guided", {}), ("guided_far", {"fraction": 0.1, "distance": 0.5})):
        close(guided_integrated_gradients(model, x, units(x), steps=STEPS, **own)[1], found[theirs], 1e-5)


def test_blur_integrated_gradients_tend_to_pairs(network):
    # PAIR's sums take the blurred end of each step, and a difference of 0.01 pixels: both are near the same limit.
    model, x, found = network
    _, maps = blur_integrated_gradients(model, x, units(x), steps=1000, blur=3 / 12, batch_size=250)
    close(maps, found["blurred_1000"], 0.02)
