import numpy as np
import pytest
import tensorflow as tf

import ke_widgets as ke
from ke_widgets import methods
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import METHODS, finercam, gradcam
from ke_widgets.methods.meta import contrast
from tests import models
from tests.methods.cams.common import IMAGES, close
from tests.methods.networks import conv, network, one_conv

BASES = ["gradcam", "gradcampp", "layercam", "hirescam", "xgradcam"]


def deep(units=6):
    return network(
        lambda x: conv(4, activation="relu", name="second")(conv(4, activation="relu", name="first")(x)), units=units
    )


def nearest(logits, unit, count):
    """Indices of the logits that are nearest to that of a unit, without it."""
    others = [other for other in range(len(logits)) if other != unit]
    return sorted(others, key=lambda other: abs(logits[other] - logits[unit]))[:count]


@pytest.mark.parametrize("base", BASES)
def test_with_one_class_it_is_the_contrast_of_both(base):
    exposed = expose(deep(), "first")
    logits = np.asarray(exposed(IMAGES)[0])
    for unit in range(6):
        pairs = np.array([[unit, *nearest(row, unit, 1)] for row in logits])
        found, maps = finercam(exposed, IMAGES, pairs[:, :1], classes=1, gamma=1.0, base=base)
        close(found, logits[:, unit : unit + 1])
        close(maps, contrast(getattr(methods.cams, base))(exposed, IMAGES, pairs)[1])


@pytest.mark.parametrize("gamma", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("classes", [1, 3, 5, 9])
def test_finercam_of_gradcam_is_its_map_less_the_mean_of_those_of_the_nearest_units(classes, gamma):
    exposed = expose(deep(), "first")
    logits, each = map(np.asarray, gradcam(exposed, IMAGES))
    _, maps = finercam(exposed, IMAGES, classes=classes, gamma=gamma)
    for image in range(len(IMAGES)):
        for unit in range(6):
            others = nearest(logits[image], unit, classes)
            expected = each[image, ..., unit] - gamma * each[image][..., others].mean(-1)
            close(maps[image, ..., unit], expected, 1e-11)


def test_softmax_weights_are_differentiated_too():
    """d (sum of w y) / d y_i = w_i (1 + y_i - sum of w y), for softmax weights of the nearest logits."""
    exposed = expose(deep(), "first")
    logits, each = map(np.asarray, gradcam(exposed, IMAGES))
    _, maps = finercam(exposed, IMAGES, mean="softmax", gamma=0.8)
    for image in range(len(IMAGES)):
        for unit in range(6):
            others = nearest(logits[image], unit, 3)
            y = logits[image][others]
            w = np.exp(y) / np.exp(y).sum()
            slopes = w * (1 + y - (w * y).sum())
            close(maps[image, ..., unit], each[image, ..., unit] - 0.8 * each[image][..., others] @ slopes, 1e-11)


def test_a_unit_among_equal_logits_is_compared_with_the_others_and_never_with_itself():
    model = one_conv(units=3)
    kernel = np.asarray(model.get_layer("logits").kernel).copy()
    model.get_layer("logits").set_weights([kernel, np.zeros(3)])
    exposed = expose(model)
    signal = np.asarray(exposed(IMAGES[:1])[1])
    # Other weights with the same logits: moved across what the channels' means do not see.
    means = signal.mean((0, 1, 2))
    across = np.array([means[1], -means[0], 0])
    model.get_layer("logits").kernel.assign(np.stack([kernel[:, 0] + across * step for step in (0, 1, 3)], axis=1))
    logits, each = map(np.asarray, gradcam(exposed, IMAGES[:1]))
    close(logits, np.repeat(logits[:, :1], 3, 1))
    _, maps = finercam(exposed, IMAGES[:1], classes=2, gamma=1.0)
    for unit in range(3):
        close(maps[..., unit], each[..., unit] - (each.sum(-1) - each[..., unit]) / 2, 1e-11)


def test_units_may_be_unknown_while_tracing_and_repeat():
    exposed = expose(deep(), "first")
    signature = [tf.TensorSpec((None, 6, 6, 2), "float64"), tf.TensorSpec((None, None), "int32")]
    compiled = tf.function(lambda x, i: finercam(exposed, x, i), input_signature=signature, autograph=False)
    indices = np.array([[0, 5, 0], [1, 1, 2]], "int32")
    whole = np.take_along_axis(np.asarray(finercam(exposed, IMAGES)[1]), indices[:, None, None], -1)
    close(compiled(IMAGES, indices)[1], whole)


def test_a_model_of_one_unit_and_other_targets_are_refused_and_do_not_apply():
    applies = METHODS[finercam].applies
    assert applies(expose(deep())) is None
    one = expose(one_conv(units=1))
    assert applies(one) == "Finer-CAM compares units with one another, and 'logits' has a single one."
    with pytest.raises(ValueError, match=r"at least two units for Finer-CAM.*Received: logits of the shape \(2, 1\)"):
        finercam(one, IMAGES)
    for target in (ke.targets.Value(), ke.targets.Contrast()):
        other = expose(deep(), "first", target=target)
        assert applies(other) == f"Finer-CAM compares units with one another, and {target} is none."
        with pytest.raises(ValueError, match="target of Finer-CAM must be Units"):
            finercam(other, IMAGES, np.array([[0, 1]] * 2))
    units, indices = expose(deep(), "first", target=ke.targets.Units()), np.array([[0], [1]])
    close(finercam(units, IMAGES, indices)[1], finercam(expose(deep(), "first"), IMAGES, indices)[1])


@pytest.mark.parametrize("name", models.TWINS)
def test_whether_it_applies_is_told_of_every_kind_of_model(name):
    build, _ = models.TWINS[name]
    assert METHODS[finercam].applies(expose(build())) is None


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"classes": 0}, "`classes` must be an integer of at least 1. Received: classes=0"),
        ({"gamma": -1.0}, "`gamma` must be a number of at least 0. Received: gamma=-1.0"),
        ({"gamma": float("nan")}, "`gamma` must be a number of at least 0. Received: gamma=nan"),
        ({"mean": "median"}, "`mean` must be 'equal' or 'softmax'. Received: mean='median'"),
        ({"base": "scorecam"}, r"`base` must be one of \['gradcam', .*Received: base='scorecam'"),
    ],
)
def test_finercam_refuses_a_wrong_parameter(own, message):
    with pytest.raises(ValueError, match=message):
        finercam(expose(deep()), IMAGES, **own)
