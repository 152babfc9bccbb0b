import numpy as np
from keras import layers, ops

from ke_widgets.model.twins import changed_twin, twin


def test_a_twin_is_of_the_same_class_and_what_is_set_on_it_the_layer_does_not_see():
    dense = layers.Dense(2, activation="relu")
    dense(np.ones((1, 3)))
    copy = twin(dense)
    assert type(copy) is layers.Dense
    assert copy.kernel is dense.kernel
    before = dict(vars(dense))
    copy.activation = ops.negative
    assert vars(dense) == before


class Counts(layers.Layer):
    seen = 0

    def call(self, x):
        self.seen += 1
        return self.factor * x


def test_a_changed_twin_has_other_values_and_what_the_layer_sets_on_itself_comes_to_the_layer():
    layer = Counts(name="counts")
    layer.factor = 2
    with changed_twin(layer, factor=3) as copy:
        np.testing.assert_array_equal(copy.call(np.ones(2)), [3, 3])
        assert layer.seen == 0
    assert (layer.factor, layer.seen) == (2, 1)
