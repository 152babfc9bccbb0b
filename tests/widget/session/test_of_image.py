import keras
import numpy as np

from ke_widgets.inspection import expose
from ke_widgets.metrics import deletion
from ke_widgets.model.exposed import Endpoint, Exposed
from ke_widgets.targets import Contrast, Region
from ke_widgets.widget.session.of_image import OfImage
from tests import models
from tests.targets.test_spatial import unet

X = models.images(3)


def test_other_inputs_stay_as_they_are():
    model, extra = models.multi_input(), np.array([[2.0, -1.0]], "float32")
    inputs = {"extra": extra, "image": X[:1]}
    found = OfImage(Exposed(model, [Endpoint("")]), inputs, 1)(X)
    expected = model({"extra": np.repeat(extra, 3, axis=0), "image": X})
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_scores_are_the_targets_with_its_data_for_each_copy():
    model, mask = unet(None), np.zeros((1, 8, 8), "float32")
    mask[:, 2:4, 1:3] = 1
    found = OfImage(expose(model, [], target=Region(1)), X[:1], y=mask)(X)
    expected = np.asarray(model(X))[:, 2:4, 1:3, 1].mean((1, 2))
    np.testing.assert_allclose(np.asarray(found)[:, 0], expected, rtol=1e-5)


def test_metrics_take_it_and_the_model_is_left_as_it_was():
    model = models.fused()
    before = models.snapshot(model)
    of_image = OfImage(expose(model, [], target=Contrast()), X[:1], y=np.array([[2, 0]], "int32"))
    maps = np.arange(64.0).reshape(1, 8, 8, 1)
    _, scores, _ = deletion(of_image, X[:1], maps, np.array([[0]]), steps=2)
    logits = keras.Model(model.inputs, model.layers[-1].input)(np.concatenate([X[:1], 0 * X[:1]]))
    kernel, bias = (np.asarray(weight) for weight in model.layers[-1].weights)
    both = np.asarray(logits) @ kernel + bias
    np.testing.assert_allclose(scores[0, [0, -1], 0], both[:, 2] - both[:, 0], rtol=1e-4)
    assert models.same(before, models.snapshot(model)) == []
