import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ke_widgets.engine import taps
from ke_widgets.engine.compiling import compiled
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam
from tests import models


def test_a_call_is_noted_with_what_went_in_what_came_out_and_the_value_between():
    dense = layers.Dense(2, activation="softmax")
    x = np.ones((1, 3), "float32")
    expected = dense(x)
    with taps.recording([dense]) as tap:
        dense(x)
        dense(2 * x)
    first, second = tap.calls[id(dense)]
    np.testing.assert_array_equal(first.args[0], x)
    np.testing.assert_allclose(first.outputs, expected)
    np.testing.assert_allclose(first.logits, x @ np.asarray(dense.kernel), rtol=1e-6)
    np.testing.assert_array_equal(second.args[0], 2 * x)
    assert [operation for operation, _ in tap.order] == [dense, dense]


def test_nothing_is_left_on_a_layer_also_when_the_block_raises():
    dense = layers.Dense(2, activation="relu")
    dense(np.ones((1, 3)))
    dense.activation_of_mine = None
    before = dict(vars(dense))
    with taps.recording([dense]):
        assert "call" in vars(dense)
    assert vars(dense) == before

    def fail():
        with taps.recording([dense]):
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert vars(dense) == before


class Silent(layers.Layer):
    def __init__(self):
        super().__init__()
        self.activation = None

    def call(self, x):
        return x + 1


def test_an_attribute_that_is_none_stays():
    layer = Silent()
    with taps.recording([layer]) as tap:
        layer(np.ones((1, 2)))
    assert vars(layer)["activation"] is None
    assert tap.calls[id(layer)][0].logits is None


def test_an_activation_in_the_middle_of_a_layer_is_no_fused_one():
    class Gate(layers.Layer):
        def __init__(self):
            super().__init__()
            self.activation = keras.activations.get("sigmoid")

        def call(self, x):
            return x * self.activation(x)

    layer = Gate()
    with taps.recording([layer]) as tap:
        layer(np.ones((1, 2)))
    assert tap.calls[id(layer)][0].logits is None


def test_an_activation_that_is_only_a_name_is_called_all_the_same():
    dense = layers.Dense(2)
    dense(np.ones((1, 3)))
    dense.activation = "linear"
    with taps.recording([dense]):
        result = dense(np.ones((1, 3)))
    np.testing.assert_allclose(result, np.ones((1, 3)) @ np.asarray(dense.kernel), rtol=1e-6)
    assert dense.activation == "linear"


def test_two_recordings_of_one_layer_do_not_disturb_each_other():
    dense = layers.Dense(2)
    with taps.recording([dense]) as outer:
        dense(np.ones((1, 3)))
        with taps.recording([dense]) as inner:
            dense(np.ones((1, 3)))
        dense(np.ones((1, 3)))
    assert (len(outer.calls[id(dense)]), len(inner.calls[id(dense)])) == (3, 1)
    assert "call" not in vars(dense)


def test_a_quantized_layer_is_read_too():
    model = models.flat()
    model.quantize("int8")
    logits, signal = expose(model, {"name": "logits", "link": "input"})(models.images())
    np.testing.assert_allclose(model.get_layer("logits")(signal), logits, rtol=1e-4, atol=1e-4)


def test_taps_beside_fit_and_predict_on_other_threads_give_no_wrong_map():
    model = models.fused()
    x, labels = models.images(16), np.arange(16) % 3
    # A rate of 0: training runs for real, and the maps stay comparable.
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    expected = np.asarray(gradcam(expose(model), x)[1])
    scores = model.predict(x, verbose=0)
    stop, wrong, runs = threading.Event(), [], [0]

    def beside():
        try:
            while not stop.is_set():
                model.fit(x, labels, batch_size=4, verbose=0)
                if not np.allclose(model.predict(x, verbose=0), scores, atol=1e-5):
                    wrong.append("predict")
                model.make_train_function(force=True)  # so that it is traced while taps are open
                runs[0] += 1
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=beside)]
    for thread in threads:
        thread.start()
    try:
        for number in range(12):
            fresh = tf.function(lambda x, n=number: gradcam(expose(model, "conv"), x), autograph=False)
            for maps in (fresh(x)[1], gradcam(expose(model), x)[1], compiled(gradcam, expose(model))(x, None)[1]):
                np.testing.assert_allclose(maps, expected, atol=1e-5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert runs[0] > 0
    assert not any("call" in vars(layer) for layer in model.layers)
