"""Picks while the kernel has other things to do: a cell that runs, a model that is trained."""

import contextlib
import itertools
import json

import numpy as np
from playwright.sync_api import expect

from tests.browser.explainer import open_explainer, pick_method
from tests.browser.lab import RUN_CELL as RUN

PYTHON = "sum(range(10_000))"
TENSORFLOW = "model(scenes.images)"
UPDATES = "w.opacity = 0.3 + (w.opacity + 0.1) % 0.5; time.sleep(0.002)"
COUNT = """
computed = []
_steps = w._session.models[0].steps
def _counted(choice):
    computed.append(choice.class_index)
    yield from _steps(choice)
w._session.models[0].steps = _counted
"""
TRAINED = """
import keras
keras.utils.set_random_seed(3)
net = keras.Sequential([
    keras.Input((96, 96, 3)), keras.layers.Rescaling(1 / 255),
    keras.layers.Conv2D(8, 5, strides=4, activation="relu", name="first"),
    keras.layers.Conv2D(16, 3, strides=2, activation="relu", name="second"),
    keras.layers.GlobalAveragePooling2D(), keras.layers.Dropout(0.3), keras.layers.Dense(4, activation="softmax"),
])
start, dropping = net.get_weights(), np.asarray(net.layers[-2].seed_generator.state)
x = np.resize(scenes.images, (256, 96, 96, 3))
y = np.resize(scenes.targets.argmax(-1) % 4, 256)

def train(rate, epochs):
    keras.utils.set_random_seed(5)
    net.set_weights(start)
    net.layers[-2].seed_generator.state.assign(dropping)
    net.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    net.fit(x, y, batch_size=16, epochs=epochs, verbose=0)
    return np.concatenate([weight.ravel() for weight in net.get_weights()])

alone = [train(0.01, 8) for _ in range(2)]
net.set_weights(start)
w = ke.ExplainerWidget(net, scenes.images, charts=False)
w
"""


@contextlib.contextmanager
def subshells_disabled(server):
    """JupyterLab's setting for kernels that cannot handle a widget's message while a cell runs."""
    folder = server.root.parent / "settings" / "@jupyterlab" / "apputils-extension"
    file = folder / "kernels-settings.jupyterlab-settings"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"commsOverSubshells": "disabled"}))
    try:
        yield
    finally:
        file.unlink()


def rows(explainer):
    return explainer.part("listbox", "Classes").get_by_role("option")


def pick(explainer, number):
    """Click a class by its place, whatever stands there in this moment: training moves them; its name."""
    label = rows(explainer).nth(number).evaluate("(row) => { row.click(); return row.title; }")
    row = explainer.part("listbox", "Classes").locator(f"[title='{label}']")
    expect(row).to_have_attribute("aria-selected", "true")
    return label


def shown(explainer, label):
    expect(explainer.root.get_by_role("status")).to_contain_text(f"of {label} at", timeout=30_000)
    return explainer.settled()


def test_while_a_cell_runs_picks_are_answered_and_cancel_works(lab):
    explainer = open_explainer(lab)
    status = explainer.root.get_by_role("status")
    for number, body in enumerate((PYTHON, TENSORFLOW, UPDATES), 1):
        with lab.running(body) as still_runs:
            shown(explainer, pick(explainer, number))
            shown(explainer, pick(explainer, 0))
            expect(status).not_to_contain_text("Kernel busy")
            assert still_runs(), body

    # Cancel, while a cell keeps setting a trait of the widget.
    lab.execute('w.params = {"repetitions": 20000, "batch_size": 1}')
    explainer.settled()
    with lab.running(UPDATES) as still_runs:
        pick_method(explainer.root, "smoothgrad")
        explainer.part("button", "Cancel").click()
        expect(status).to_contain_text("stopped after", timeout=30_000)
        explainer.settled()
        assert still_runs()
    assert lab.traffic.problems == []


def test_where_no_message_is_handled_during_a_cell_the_newest_pick_is_answered_after_it(lab, server):
    with subshells_disabled(server):
        explainer = open_explainer(lab)
    lab.execute(COUNT)
    status = explainer.root.get_by_role("status")
    with lab.running(PYTHON) as still_runs:
        for number in (1, 2, 3, 1, 2):
            label = pick(explainer, number)
        expect(status).to_contain_text("Kernel busy", timeout=10_000)
        expect(explainer.root).to_have_attribute("aria-busy", "true")
        for theme in ("dark", "light"):
            lab.theme(theme)
            lab.screenshot(f"busy-{theme}", explainer.root)
        lab.page.wait_for_timeout(3000)  # nothing fails for being slow
        expect(status).to_contain_text("Kernel busy")
        expect(explainer.root.get_by_role("alert")).to_have_count(0)
        assert still_runs()
    shown(explainer, label)
    expect(status).not_to_contain_text("Kernel busy")
    labels = explainer.ask("[list(demo.LABELS)[i] for i in computed]")
    print(f"5 picks while a cell ran; computed: {labels}")
    assert labels[-1] == label == explainer.ask("list(demo.LABELS)[w.class_index]")
    assert len(labels) <= 2, "the first, which was under way before the page knew, and the newest"
    asked = [m.data.get("content", {}).get("kind") for m in lab.traffic.widget_messages()]
    assert asked.count("explain") == 2
    assert lab.traffic.problems == []


def test_a_model_is_explained_while_it_is_trained_and_training_is_what_it_would_have_been(lab):
    explainer = open_explainer(lab, TRAINED)
    alone = np.asarray(explainer.ask("[a.tolist() for a in alone]"))
    assert np.array_equal(alone[0], alone[1]), "the training itself repeats to the last bit"

    def train_and_pick(rate):
        picked = 0
        lab.page.evaluate("(source) => { window.running = (" + RUN + ")(source); }", f"found = train({rate}, 8)")
        for number in itertools.cycle((1, 2, 3, 0)):
            pick_method(explainer.root, "smoothgrad" if picked % 3 == 2 else "gradcam")
            pick(explainer, number)
            picked += 1
            lab.page.wait_for_timeout(60)
            if lab.page.evaluate("window.cellEnded"):
                break
        explainer.settled(60_000)
        return picked

    # At rate 0 the weights stay, so every map is the one that they give.
    lab.execute("""
maps = []
_show = w._controller.handlers._show
def _kept(request, explanation):
    maps.append(explanation)
    _show(request, explanation)
w._controller.handlers._show = _kept
""")
    picked = train_and_pick(0.0)
    print(f"{picked} picks while it was trained; {explainer.ask('len(maps)')} maps")
    worst = explainer.ask("""max(float(np.abs(e.map - w._session.run(
        image_index=e.image_index, layer=e.layer or w.layer, class_index=e.unit, contrast_index=None,
        method=e.method, params=e.params, model_index=0).map).max() / (np.abs(e.map).max() + 1e-9))
        for e in maps if e.done == e.total and e.method == "gradcam")""")
    assert explainer.ask("len(maps)") > 1  # on a busy machine, most picks give way to newer ones
    assert worst < 1e-4

    picked = train_and_pick(0.01)
    print(f"{picked} picks while it was trained")
    expect(explainer.root.get_by_role("alert")).to_have_count(0)
    assert np.array_equal(np.asarray(explainer.ask("found.tolist()")), alone[0])
    assert not np.array_equal(
        alone[0], np.asarray(explainer.ask("np.concatenate([s.ravel() for s in start]).tolist()"))
    )
    pick_method(explainer.root, "gradcam")
    shown(explainer, pick(explainer, 1))
    assert lab.traffic.problems == []
