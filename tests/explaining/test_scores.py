import keras
import numpy as np
import pytest
from keras import layers

from ke_widgets.explaining.scores import check_outputs, number_of_units, prepared, scores_shape, takes_units
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from ke_widgets.targets import Box, Contrast, Region, Units
from tests import models


def segmentation():
    return keras.Sequential([keras.Input(models.IMAGE), layers.Conv2D(5, 1, name="out")], name="segmentation")


def test_the_shape_of_the_scores_is_that_which_the_target_reads():
    assert scores_shape(models.fused()) == (None, 3)
    assert scores_shape(expose(models.fused())) == (None, 3)
    assert scores_shape(expose(segmentation(), "out", target=Region(0))) == (None, 8, 8, 5)
    assert scores_shape(expose(segmentation(), "out", target=Box())) is None
    pooled = keras.Sequential([keras.Input((1, 1, 3)), layers.Conv2D(5, 1, name="out")])
    assert scores_shape(expose(pooled, "out")) == (None, 5)
    assert scores_shape(expose(pooled, "out", target=Region(0))) == (None, 1, 1, 5)


def test_units_are_taken_where_no_other_target_is():
    assert takes_units(models.fused())
    assert takes_units(expose(models.fused(), target=Units()))
    assert not takes_units(expose(models.fused(), target=Contrast()))
    assert number_of_units(models.fused(), -1) == 3
    assert number_of_units(models.fused(), 0) is None
    assert number_of_units(segmentation(), -1) is None


def test_y_is_prepared_as_the_target_says():
    np.testing.assert_array_equal(prepared(models.fused(), -1, 1, 2), [[1], [1]])
    assert prepared(models.fused(), -1, None, 2) is None
    np.testing.assert_array_equal(prepared(expose(models.fused(), target=Contrast()), -1, [1, 0], 2), [[1, 0]] * 2)
    own = expose(models.fused(), target=lambda outputs, y: outputs)
    np.testing.assert_array_equal(prepared(own, -1, [0.5, 1.5], 2), [0.5, 1.5])
    with pytest.raises(ValueError, match="one entry for each of the 2 images"):
        prepared(own, -1, [0.5], 2)


def test_an_output_that_does_not_fit_is_refused_before_anything_runs():
    check_outputs(gradcam, expose(segmentation(), "out", target=Region(4)))
    with pytest.raises(ValueError, match="`channel` must be one of the 5 channels of 'segmentation'"):
        check_outputs(gradcam, expose(segmentation(), "out", target=Region(5)))
    with pytest.raises(ValueError, match=r"The scores must be \(B, U\)"):
        check_outputs(gradcam, segmentation())
    check_outputs(lambda model, inputs: None, segmentation())
