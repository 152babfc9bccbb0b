"""The notebook that `test_marimo.py` runs."""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    import ke_widgets as ke
    from ke_widgets import demo

    scenes = demo.scenes(24, seed=7)
    w = ke.ExplainerWidget(demo.load("honest"), scenes.images, labels=demo.LABELS, y_true=scenes.targets)
    view = mo.ui.anywidget(w)
    mo.output.replace(view)
    return mo, view, w


@app.cell
def _(mo, w):
    def bare(_):
        w.view = "map"
        w.opacity = 1.0
        w.threshold = 0.0

    mo.ui.button(label="Bare map", on_click=bare)
    return


@app.cell
def _(mo, view):
    mo.md(f"Chosen: {view.value['layer']}, {view.value['class_index']}, {view.value['image_index']}")
    return
