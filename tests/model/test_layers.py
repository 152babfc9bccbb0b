import keras
from keras import layers, ops

from ke_widgets.model import layers as model_layers
from tests import models


def test_paths_name_every_operation_an_outer_one_before_its_inner_ones():
    paths = list(model_layers.operations(models.doubly_nested()))
    assert paths.index("middle") < paths.index("middle/inner") < paths.index("middle/inner/conv")
    assert paths[-2:] == ["head", "head/logits"] or "head/logits" in paths
    assert list(model_layers.operations(models.over_backbone()))[:3] == ["head", "head/pool", "head/logits"]


def test_two_layers_of_one_name_in_one_parent_are_told_apart():
    model = models.InLists()
    model.twin = layers.Dense(3, name="logits")
    model.loop = [model]
    assert list(model_layers.operations(model)) == ["conv", "pool", "logits", "logits~1"]
    assert model_layers.path_of(model, model.twin) == "logits~1"
    assert model_layers.path_of(model, layers.Dense(1)) is None


def test_only_a_model_that_runs_its_graph_as_written_has_one():
    class Own(keras.Model):
        def __init__(self):
            x = keras.Input((2,))
            super().__init__(x, layers.Dense(2)(x))

    class Changed(Own):
        def call(self, inputs, **options):
            return 2 * super().call(inputs, **options)

    assert model_layers.functional(Own()) is not None
    assert model_layers.functional(Changed()) is None
    assert model_layers.functional(models.fused()) is not None
    assert model_layers.functional(keras.Sequential([layers.Dense(2)])) is None
    assert model_layers.functional(models.subclassed()) is None


def test_walking_back_meets_only_what_the_output_depends_on():
    model = models.multi_output()
    met = [path for path, _ in model_layers.backwards(model, 1)]
    assert met == ["other", "other_pool", "other_conv", "backbone/conv", "backbone"]


def test_what_is_inside_of_keras_own_layers_hides_nothing():
    assert model_layers.opaque(models.over_subclassed().get_layer("head"))
    assert model_layers.opaque(models.over_time().get_layer("each"))
    assert not model_layers.opaque(models.attention().get_layer("attention"))
    assert not model_layers.opaque(models.nested().get_layer("backbone"))
    x = keras.Input((2,))
    assert not model_layers.opaque(ops.relu(x)._keras_history.operation)
