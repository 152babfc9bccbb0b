"""One process that checks rows: names come in, one a line, and a line of JSON goes out for each."""

import json
import os
import sys
import time
import traceback

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from tests.zoo import checks, plain, preparing, rows, trained

MARK = "ROW "


def main():
    known = rows.load()
    for name in map(str.strip, sys.stdin):
        began = time.monotonic()
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        found = {"name": name}
        try:
            if name in trained.MODELS:
                found["claims"] = [(claim, bool(holds), text) for claim, holds, text in trained.MODELS[name]()]
            else:
                _CHECKS[known[name].kind](known[name], found)
        except Exception as error:
            found["crash"] = _short(error)
            traceback.print_exc()
        found["seconds"] = round(time.monotonic() - began, 1)
        print(MARK + json.dumps(found), flush=True)


def _classifier(row, found):
    model, run, inputs, pictures = _made(row, found)
    scores = np.asarray(run(keras.tree.map_structure(lambda x: x[:1], inputs)))[0]
    unit = int(np.abs(scores).argmax())
    _note(found, "gradients", lambda: checks.gradients(model, row, run, inputs, unit))
    if row.kind != "no layer":
        _note(found, "gradcam", lambda: _default(model, row, run, inputs, unit, found))
    if row.block is not None:
        at = {"model": model, "row": row, "run": run, "inputs": inputs, "unit": unit}
        _note(found, "block", lambda: checks.gradcam(**at, exposed=checks.view(model, row, row.block)))
    if row.sums:
        _note(found, "sum", lambda: checks.sums(model, row, run, inputs, unit))
    _note(found, "widget", lambda: _opened(model, row, run, inputs, unit, pictures, found))


def _made(row, found):
    model = row.build()
    shape = row.shape or keras.tree.flatten(model.inputs)[0].shape[1:]
    pictures = preparing.images(tuple(shape), row.pixels)
    inputs = pictures if row.inputs is None else row.inputs(model, pictures)
    preparing.fill(model, inputs)
    found["parameters"] = model.count_params()
    return (
        model,
        plain.logits_of(model, row),
        keras.tree.map_structure(lambda x: np.asarray(x)[:2], inputs),
        pictures[:2],
    )


def _default(model, row, run, inputs, unit, found):
    exposed = checks.view(model, row)
    found["default"] = str(exposed.endpoints[1])
    return checks.gradcam(model, row, run, inputs, unit, exposed, found)


def _opened(model, row, run, inputs, unit, pictures, found):
    layer, size, error, picked = checks.widget(model, row, run, inputs, unit, pictures)
    found["opens"], found["map"] = layer, size
    if picked is not None:
        found["picked"] = picked
    return error


def _other(row, found):
    """Check a model without scores `(B, U)`: the library and the widget take it, or say in one sentence why not."""
    if row.inputs is None:
        model = row.build()
        found["parameters"] = model.count_params()
        pictures = preparing.images(row.shape or _image_shape(model), row.pixels, count=2)
    else:
        model, run, inputs, pictures = _made(row, found)
        at = {"model": model, "row": row, "run": run, "inputs": inputs, "unit": 0}
        _note(found, "gradients", lambda: checks.gradients(**at))
        _note(found, "gradcam", lambda: _default(**at, found=found))
        _note(found, "block", lambda: checks.gradcam(**at, exposed=checks.view(model, row, row.block)))

    def exposed():
        found["default"] = str(checks.view(model, row).endpoints[1])
        return 0.0

    def opened():
        widget = checks.called(checks.ke.ExplainerWidget, model, pictures)
        try:
            shown = widget.wait(600)
            found["opens"], found["map"] = shown.layer, "x".join(map(str, shown.map.shape))
            return 0.0
        finally:
            widget.close()

    _note(found, "expose", exposed)
    _note(found, "widget", opened)


def _image_shape(model):
    return next(tuple(x.shape[1:]) for x in keras.tree.flatten(model.inputs) if len(x.shape) == 4 and x.shape[-1] == 3)


_CHECKS = {
    "cnn": _classifier,
    "tokens": _classifier,
    "no layer": _classifier,
    "dense output": _other,
    "detector": _other,
}


def _note(found, name, check):
    """Run one check; keep its relative error, or in words why there is none."""
    try:
        found[name] = check()
    except checks.Refused as error:
        found[name] = f"refused: {error}"
    except checks.Misplaced as error:
        found[name] = f"nonsense: {error}"
    except Exception as error:
        found[name] = f"error: {_short(error)}"
        traceback.print_exc()


def _short(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]


if __name__ == "__main__":
    main()
