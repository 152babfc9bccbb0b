import keras

from ke_widgets.widget.graph import graph


def test_rows_stand_in_running_order_with_nested_ones_after_their_model(model):
    rows, edges_known = graph(model)
    assert edges_known
    assert [(row["path"], row["level"], row["type"]) for row in rows] == [
        ("image", 0, "InputLayer"),
        ("rescaling", 0, "Rescaling"),
        ("stem", 0, "Conv2D"),
        ("block", 0, "Functional"),
        ("block/conv", 1, "Conv2D"),
        ("block/add", 1, "Add"),
        ("pool", 0, "GlobalAveragePooling2D"),
        ("scores", 0, "Dense"),
    ]
    assert [row["parent"] for row in rows] == [-1, -1, -1, -1, 3, 3, -1, -1]


def test_edges_cross_the_border_of_a_nested_model_to_what_feeds_it(model):
    rows, _ = graph(model)
    names = [row["path"] for row in rows]
    edges = {(names[start], row["path"]) for row in rows for start in row["inputs"]}
    assert edges == {
        ("image", "rescaling"),
        ("rescaling", "stem"),
        ("stem", "block"),
        ("stem", "block/conv"),
        ("block/conv", "block/add"),
        ("stem", "block/add"),
        ("block", "pool"),
        ("pool", "scores"),
    }


def test_shapes_and_parameter_counts_are_keras_own(model):
    rows = {row["path"]: row for row in graph(model)[0]}
    assert rows["block/conv"]["shape"] == [None, 8, 8, 4]
    assert rows["block/conv"]["params"] == 3 * 3 * 4 * 4 + 4
    assert rows["scores"]["params"] == 4 * 3 + 3


def test_a_shared_layer_has_one_row_fed_by_all_it_is_called_on():
    left, right = keras.Input((4, 4, 1), name="left"), keras.Input((4, 4, 1), name="right")
    shared = keras.layers.Conv2D(2, 3, name="shared")
    model = keras.Model([left, right], keras.layers.Add(name="sum")([shared(left), shared(right)]))
    rows, _ = graph(model)
    row = next(row for row in rows if row["path"] == "shared")
    assert {rows[index]["path"] for index in row["inputs"]} == {"left", "right"}


def test_a_subclassed_model_is_a_tree_without_edges():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [keras.layers.Conv2D(2, 3, name="part"), keras.layers.Conv2D(2, 3, name="part")]

        def call(self, x):
            return self.parts[1](self.parts[0](x))

    net = Net()
    net.build((None, 8, 8, 1))
    rows, edges_known = graph(net, {"part": (None, 6, 6, 2)})
    assert not edges_known
    assert [row["path"] for row in rows] == ["part", "part~1"]
    assert rows[0]["shape"] == [None, 6, 6, 2]
    assert all(row["inputs"] == [] for row in rows)
