import numpy as np

from ke_widgets.widget.features import all_layers
from ke_widgets.widget.session.choice import Choice


def test_every_layer_has_the_map_that_it_has_by_itself(widget):
    choice = Choice(**{**vars(widget.choice), "class_index": 2, "image_index": 3})
    serial = widget._session.results.serial
    (found,) = all_layers.answer(widget._session, all_layers.Request(choice), lambda: None)
    content, (buffer,) = found.content, found.buffers
    assert content["layers"] == widget._session.models[0].layers
    assert (content["serial"], content["generation"]) == (serial + 1, 0)
    assert content["choice"] == vars(choice)
    numbers, at = np.frombuffer(buffer, "<f2").astype("float64"), 0
    for layer, shown in zip(content["layers"], content["maps"]):
        size = shown["height"] * shown["width"]
        own = widget._session.run(**{**vars(choice), "layer": layer})
        np.testing.assert_allclose(numbers[at : at + size] * shown["scale"], own.map.ravel(), rtol=2e-3, atol=1e-6)
        np.testing.assert_allclose([shown["low"], shown["high"]], [own.low, own.high], rtol=1e-5)
        at += size
    assert at == len(numbers)
