import pytest

from ke_widgets.model import callgraph
from tests import models


@pytest.mark.parametrize("builder", [models.flat, models.doubly_nested, models.siamese, models.multi_output])
def test_the_flow_read_from_a_graph_is_the_one_that_runs(builder):
    model = builder()
    before = models.snapshot(model)
    written, rehearsed = callgraph.from_functional(model), callgraph.from_trace(model)
    assert [step.path for step in written.steps] == [step.path for step in rehearsed.steps]
    for one, other in zip(written.outputs, rehearsed.outputs):
        assert [s.path for s in written.backwards(one)] == [s.path for s in rehearsed.backwards(other)]
        assert written.producer(one).path == rehearsed.producer(other).path
    assert models.same(before, models.snapshot(model)) == []


def test_calls_of_a_shared_layer_are_counted_in_running_order():
    known = callgraph.from_functional(models.siamese())
    calls = [step for step in known.steps if step.path == "encoder/conv"]
    assert [known.number(step) for step in calls] == [0, 1]
    assert known.number(known.steps[-1]) == "last"


def test_a_subclassed_model_is_rehearsed_with_what_is_inside_of_it():
    model = models.over_backbone()
    before = models.snapshot(model)
    paths = [step.path for step in callgraph.from_trace(model).steps]
    assert paths == ["backbone/conv", "backbone", "head/pool", "head/logits", "head"]
    assert callgraph.from_functional(model) is None
    assert models.same(before, models.snapshot(model)) == []
