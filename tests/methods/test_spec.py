"""What a form and a menu know of a method, from its signature, its docstring and its line in the table."""

from typing import Annotated

import keras
import pytest
from keras import layers

import ke_widgets as ke
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import METHODS as CAMS
from ke_widgets.methods.cams import cam, gradcam, scorecam
from ke_widgets.methods.gradient import full_gradients, gradients
from ke_widgets.methods.meta import smooth, smoothgrad
from ke_widgets.methods.spec import Parameter, Range, argument_lines, by_name, gather, own_names, parameters
from tests import models


def test_parameters_are_read_from_the_signature():
    assert parameters(gradients) == [Parameter("channels", "choice", "max", ("max", "mean"))]
    assert parameters(gradcam) == parameters(full_gradients) == []
    assert [p.name for p in parameters(scorecam)] == ["weights", "baseline"]  # a number that is chosen by itself is not
    assert parameters(smooth(gradients)) == parameters(gradients)


@pytest.mark.parametrize("default", [[], "text"])
def test_a_parameter_that_no_form_can_show_is_refused(default):
    def method(model, inputs, *, own=default):
        pass

    with pytest.raises(ValueError, match=r"must have a bool, int or float default.*Received: method\(own="):
        parameters(method)


def test_a_parameter_without_a_default_is_refused():
    def method(model, inputs, *, own):
        pass

    with pytest.raises(ValueError, match=r"must have a default. Received: method\(own\)"):
        parameters(method)


def test_a_range_bounds_the_form_and_the_docstring_helps():
    found = {each.name: each for each in parameters(smoothgrad)}
    assert (found["repetitions"].kind, found["repetitions"].low, found["repetitions"].high) == ("int", 1, 512)
    assert (found["noise"].kind, found["noise"].low, found["noise"].high) == ("float", 0, 1)
    assert found["channels"].low is None
    for each in found.values():
        assert each.help.endswith("."), each

    def method(model, inputs, *, own: Annotated[float, "of no range", Range(-1, 2)] = 0.5):
        """Do.

        Args:
            own: A number,
                on two lines: with a colon.
            other: Another.

        Returns:
            own: Nothing.
        """

    assert parameters(method) == [Parameter("own", "float", 0.5, (), -1, 2)]
    assert argument_lines(method) == {"own": "A number, on two lines: with a colon.", "other": "Another."}
    assert own_names(method) == ("own",)


def test_every_method_says_its_source_and_what_it_answers_and_each_parameter_has_help():
    for name, (method, spec) in ke.methods.table().items():
        assert spec.answers.endswith("?"), name
        assert len(spec.answers) <= 90, name
        assert spec.source.startswith(("arXiv:", "doi:")), name
        assert all(each.help for each in parameters(method)), name


def test_cam_applies_where_a_dense_layer_or_a_1x1_convolution_ends_the_model():
    applies = CAMS[cam].applies
    assert applies(expose(models.fused())) is None
    convolution = keras.Sequential([keras.Input(models.IMAGE), layers.Conv2D(3, 1), layers.GlobalAveragePooling2D()])
    assert applies(expose(convolution)) is None
    pooled = keras.Sequential([keras.Input(models.IMAGE), layers.Conv2D(3, 3), layers.GlobalMaxPooling2D(name="pool")])
    reason = applies(expose(pooled))
    assert (
        reason == "CAM needs one dense layer, or 1x1 convolution, after global pooling, and 'pool' has no such kernel."
    )
    reason = applies(expose(models.fused(), target=ke.targets.Value()))
    assert reason == "CAM reads the weights of units, and Value() is none."
    assert applies(expose(models.fused(), target=ke.targets.Contrast())) is None


def test_a_family_of_several_files_has_the_methods_of_all():
    family = ke.methods.path
    assert gather("ke_widgets.methods", "cams", "path") == {**CAMS, **family.METHODS}
    assert family.integrated_gradients is by_name("a family", family.METHODS, "integrated_gradients")
    with pytest.raises(AttributeError, match=r"module 'ke_widgets.methods.path' has no attribute 'gradcam'"):
        family.gradcam  # noqa: B018
