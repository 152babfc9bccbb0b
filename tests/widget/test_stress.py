"""A widget at work changes nothing that anybody else sees of the model."""

import itertools
import threading

from ke_widgets.widget.view import ExplainerWidget
from tests import models
from tests.bystander import Bystander

SECONDS = 60
METHODS = ("gradcam", "gradients", "full_gradients", "gradcampp", "scorecam", "smoothgrad")


def test_a_widget_that_is_never_left_alone_disturbs_nobody(tmp_path, capsys):
    model, x = models.doubly_nested(), models.images(4)
    bystander = Bystander(model, x, tmp_path)
    widget = ExplainerWidget(model, x, method="gradcam")
    widget.wait()
    explained = [0]
    beside = threading.Thread(target=bystander.run, args=(SECONDS,))
    beside.start()
    layers = widget._session.models[0].layers
    for method, layer, image in itertools.cycle(itertools.product(METHODS, layers, range(len(x)))):
        if not beside.is_alive():
            break
        with widget.hold_trait_notifications():
            widget.method, widget.layer, widget.image_index = method, layer, image
        found = widget.wait()
        assert (found.method, found.image_index) == (method, image)
        explained[0] += 1
    widget.close()
    with capsys.disabled():
        print(f"\n{explained[0]} maps beside", dict(bystander.counts), "faults:", len(bystander.faults))
    assert bystander.faults == []
    assert explained[0] > 20
    assert min(bystander.counts.values()) > 2
