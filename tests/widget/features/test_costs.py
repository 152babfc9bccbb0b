"""What methods cost, measured once for a model, at rest."""

import time

from ke_widgets.widget.features import costs
from ke_widgets.widget.features.feature import Progress, Rest
from tests.widget.page import LONG, Page


def asked(widget, stop=lambda: None):
    return [*costs.answer(widget._session, costs.Request(widget.choice), stop)]


def test_the_first_request_measures_at_rest_and_the_next_one_knows(widget):
    rest, *found = asked(widget)
    assert isinstance(rest, Rest)
    progress = [each for each in found if isinstance(each, Progress)]
    assert all(set(each.content["costs"]["methods"]) == set(widget._session.methods) for each in progress)
    passes = widget._session.models[0].passes
    assert passes.seconds > 0
    assert passes.backward >= 1
    content = found[-1].content
    assert content["choice"] == dict(vars(widget.choice))
    assert content["costs"]["milliseconds"] == 1000 * passes.seconds
    assert content["costs"]["methods"]["gradients"] == [1, passes.backward]
    (again,) = asked(widget)
    assert again.content == content


def test_channels_of_the_chosen_layer_and_parameters_count(widget):
    layer = widget._session.models[0].layers[-1]
    widget.layer = layer
    widget.params = {"steps": 8}
    content = asked(widget)[-1].content["costs"]["methods"]
    channels = widget._session.models[0].shapes_at(widget.choice)[1][-1]
    assert content["scorecam"] == [channels, channels + 1]
    assert content["integrated_gradients"][0] == 8


def test_who_has_enough_stops_between_two_measurements(widget):
    _, progress, reply = asked(widget, stop=lambda: "cancelled")
    assert widget._session.models[0].passes is None
    assert reply.content["costs"] == progress.content["costs"]


def test_the_page_gets_it_beside_its_maps(widget):
    page = Page(widget)
    page.send({"kind": "costs", "id": "c", "pane": 0, "choice": vars(widget.choice)})
    end = time.monotonic() + LONG
    while ("costs", "c") not in page.ends():  # It waits for a rest.
        assert time.monotonic() < end, "no costs came"
        time.sleep(0.01)
    assert widget.result.layer == widget.layer
