"""What passes cost, and what methods cost in them."""

import pytest

from ke_widgets.methods import table
from ke_widgets.methods.cost import Cost
from ke_widgets.widget.session import costs
from ke_widgets.widget.session.costs import Passes


def test_a_cost_is_a_number_of_forward_passes_with_the_image_itself():
    passes = Passes(0.01, 3.5)
    assert passes.forwards(Cost(1, True, 0)) == pytest.approx(3.5)
    assert passes.forwards(Cost(2, True)) == 8
    assert passes.forwards(Cost(49, False)) == 50
    assert Passes(0.01).forwards(Cost(1, True, 0)) == 3  # before a backward pass is measured


def test_passes_are_measured_with_a_stop_between(monkeypatch):
    now, ran = [0.0], []

    def takes(seconds, name):
        def run():
            now[0] += seconds
            ran.append(name)

        return run

    monkeypatch.setattr(costs.time, "perf_counter", lambda: now[0])
    found = list(costs.measure(takes(0.25, "forward"), takes(1.0, "backward")))
    assert found == [Passes(0.25), Passes(0.25), Passes(0.25, 4.0)]
    assert ran == ["forward"] * 3 + ["backward"] * 4  # the first of these compiles


def test_a_model_without_a_gradient_has_forward_passes():
    def refuse():
        raise ValueError("no gradient")

    assert list(costs.measure(lambda: None, refuse))[-1].backward == 3


def test_every_method_has_a_cost_with_its_own_parameters():
    passes = Passes(0.01, 3.0)
    found = costs.of_methods(passes, (32, 32, 3), (4, 4, 5), {"steps": 10, "repetitions": 7, "weights": "logits"})
    assert set(found) == set(table())
    assert found["integrated_gradients"] == (10, 31)
    assert found["smoothgrad"] == (7, 22)
    assert found["scorecam"] == (5, 6)
    assert found["gradcam"] == (1, 3)
    assert found["cam"] == (1, 1)
