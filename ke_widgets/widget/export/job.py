"""One HTML file that needs neither kernel nor network: its maps computed one after the other, then written at once."""

import base64
import concurrent.futures
import importlib.metadata
import json
import math
import threading
import time

import keras
import numpy as np

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.export.files import check_path, whole_file
from ke_widgets.widget.export.html import listed, page, text
from ke_widgets.widget.session.choice import Choice

_TURN_SECONDS = 0.05
_TELL_SECONDS = 0.1


class Export:
    """A file in the making: computes all that its plan asks for, a little at a time, and writes it.

    Args:
        path: Where to.
        title: The page's heading.
        session: The `Session` that computes.
        plan: A `Plan`.
        setup: What the file's page is told once.
        traits: What it shows first.
        encode: Parts a map, its limits and what it lies over into plain data and bytes; see `messages.encode_map`.
        limit: Bytes that the file may have.
        go_on: Called with this export when there is more to do and it wants another turn.
        tell: Called with the numbers of maps that are done and of all, from whichever thread computes.

    Attributes:
        path: Where to.
        size: Bytes that the file will have, once that is known; else `None`.
        total: How many maps there are in all.
        finished: Whether nothing more will happen.
        failures: Errors of methods that do not run at a layer.
    """

    def __init__(self, path, title, session, plan, setup, traits, encode, limit, go_on, tell):
        self.path = check_path(path)
        self.size = None
        self.finished = False
        self.failures = []
        self._title = title
        self._session = session
        self._plan = plan
        self._setup = setup
        self._traits = traits
        self._encode = encode
        self._limit = _check_limit(limit)
        self._go_on = go_on
        self._tell = tell
        self._uses_layer = {method["name"]: method["uses_layer"] for method in setup["methods"]}
        self._maps = {}
        self._lengths = {}
        self._sizes = {image: session.images.encoded(image).size for image in plan.images}
        self._page = ("", "")
        self._error: BaseException | None = None
        self._change = threading.Condition()
        self._told = 0.0
        self._work = self._make()
        self.total = sum(len(layers) for _, _, layers, _, _ in self._groups())

    def turn(self):
        """Go on for a moment; whoever calls this may do something else between two turns."""
        end = time.monotonic() + _TURN_SECONDS
        try:
            for _ in self._work:
                if self.finished:
                    return
                self._report()
                if time.monotonic() >= end:
                    self._go_on(self)
                    return
        except Exception as error:
            self._error = self._error or error
        if not self.finished:
            self._finish()

    def cancel(self):
        """Stop, and leave no file."""
        if not self.finished:
            self._error = concurrent.futures.CancelledError(f"{self.path.name} was cancelled; no file was written.")
            self._finish()

    def wait(self, verbose="auto"):
        """Follow it from another thread to its end.

        Args:
            verbose: `"auto"`, 0 (silent), 1 (progress bar) or 2 (one line).

        Returns:
            The path of the written file.

        Raises:
            Exception: What went wrong.
        """
        with self._change:
            self._change.wait_for(lambda: self.finished or self.size is not None)
        if verbose and self.size is not None and self.size <= self._limit:
            print(f"{self.path.name}: {self._plan}, {self.total:,} maps, about {_megabytes(self.size)}")
            bar = keras.utils.Progbar(self.total, verbose=1 if verbose == "auto" else verbose, unit_name="map")
            self._follow(bar.update)
        with self._change:
            self._change.wait_for(lambda: self.finished)
        if self._error is not None:
            raise self._error
        if verbose and self.failures:
            print(f"{len(self.failures)} of {self.total:,} maps are not to be had; the first: {self.failures[0]}")
        return self.path

    def _follow(self, update):
        """Call `update` each time that there are more maps."""
        done = None
        while done != self.total:
            with self._change:
                self._change.wait_for(lambda: self.finished or len(self._maps) != done)  # noqa: B023
                if self.finished and len(self._maps) == done:
                    return
                done = len(self._maps)
            update(done)

    def _report(self):
        if time.monotonic() - self._told >= _TELL_SECONDS:
            self._told = time.monotonic()
            self._tell(len(self._maps), self.total)
        with self._change:
            self._change.notify_all()

    def _finish(self):
        self._tell(self.total, self.total)
        with self._change:
            self.finished = True
            self._change.notify_all()

    # What is computed.

    def _make(self):
        """Compute one map of each size first: then it is known how large the file will be."""
        generations = self._session.generations()
        groups = self._groups()
        samples = {}
        for group in groups:
            samples.setdefault(self._kind(*group), group)
        for kind, group in samples.items():
            yield from self._explain(*group)
            self._lengths[kind] = [len(text(self._maps[name])) for name in self._names(*group)]
        for method in self._plan.methods:
            own = [self._maps[name] for group in samples.values() if group[1] == method for name in self._names(*group)]
            if all("error" in stored for stored in own):
                raise ValueError(f"`methods` must name methods that run on this model: {method!r} {own[0]['error']}")
        self._page = self._around()
        self.size = self._estimate(groups)
        if self.size > self._limit:
            raise ValueError(
                f"`limit` must be at least the size of the file, about {self.size:,} bytes for {self._plan}: "
                f"{self.total:,} maps. Received: limit={self._limit:,}. Ask for fewer images, layers, classes or "
                "methods, or raise it."
            )
        yield
        for group in groups:
            if group != samples[self._kind(*group)]:
                yield from self._explain(*group)
        if self._session.generations() != generations:
            raise RuntimeError(
                f"{self.path.name} was not written: the model was trained meanwhile, so that its maps are of different "
                "weights. Export again when the training rests."
            )
        self._write()

    def _groups(self):
        """List what is computed together: model, method, layers, image, class.

        One layer comes after the other, since few compiled functions are kept, and the classes of an image together.
        """
        plan = self._plan
        return [
            (model, method, layers, image, class_index)
            for model in range(len(plan.layers))
            for method in plan.methods
            for layers in self._together(model, method)
            for image in plan.images
            for class_index in plan.classes
        ]

    def _together(self, model, method):
        """Part the layers into those that one pass gives: all, where that is to be had and worth it, or each."""
        layers = self._plan.layers[model] if self._uses_layer[method] else [""]
        scans = method in self._session.all_layers_methods and self._session.models[model].why_not_at_all_layers is None
        return [tuple(layers)] if scans and len(layers) > 2 else [(layer,) for layer in layers]

    def _kind(self, model, method, layers, image, class_index):
        """What the size of a group's maps depends on."""
        return model, method, layers, self._sizes[image]

    def _names(self, model, method, layers, image, class_index):
        """Name each map, as `js/src/offline/archive.ts` does."""
        place = self._plan.images.index(image)
        return [f"{model} {place} {class_index} {method} {layer}" for layer in layers]

    def _explain(self, model, method, layers, image, class_index):
        """Compute a group."""
        choice = {"image_index": image, "class_index": class_index, "method": method, "model_index": model}
        choice |= {"params": self._traits["params"], "contrast_index": None}
        names = self._names(model, method, layers, image, class_index)
        if len(layers) > 1:
            explained = self._session.models[model]
            started = time.perf_counter()
            values, limits = explained.at_all_layers(Choice(layer=layers[0], **choice))
            milliseconds = 1000 * (time.perf_counter() - started) / len(values)
            found = dict(zip(explained.layers, zip(values, limits)))
            for name, layer in zip(names, layers):
                values, (low, high) = found[layer]
                self._maps[name] = self._entry(
                    values, low, high, explained.images.input_region(image), None, milliseconds
                )
            yield
            return
        for name, layer in zip(names, layers):
            yield from self._explain_at(name, Choice(layer=layer or self._plan.layers[model][-1], **choice))

    def _explain_at(self, name, choice):
        try:
            pieces = []
            for _, _, finish in self._session.model_of(choice).steps(choice):
                pieces = [finish]
                yield
            found = pieces[0]()
        except ValueError as error:  # A method that does not run at this layer; the others do.
            self.failures.append(error)
            self._maps[name] = {"error": str(error)}
        else:
            self._maps[name] = self._entry(
                found.map, found.low, found.high, found.input_region, found.empty_reason, found.milliseconds
            )
        yield

    def _entry(self, values, low, high, input_region, empty_reason, milliseconds):
        content, buffer = self._encode(values, low, high, input_region)
        # The nine digits that a float32 has: as long as they are, all of them together are not.
        short = {name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in content.items()}
        return {
            "map": short,
            "values": _base64(buffer),
            "empty_reason": empty_reason,
            "milliseconds": round(milliseconds, 2),
        }

    # What is written.

    def _estimate(self, groups):
        """Count the file's bytes; what is not computed yet is as long as what is."""
        names = sum(len(json.dumps(name)) + 2 for group in groups for name in self._names(*group))
        return sum(map(len, self._page)) + names + sum(sum(self._lengths[self._kind(*group)]) for group in groups)

    def _around(self):
        """Write what comes before the maps, and what comes after them."""
        plan, session = self._plan, self._session
        images = [session.images.encoded(image) for image in plan.images]
        scores = [(explained, explained.scores(plan.images)) for explained in session.models]
        contents = {
            "setup": self._setup,
            "traits": self._traits,
            "images": [{"data": _base64(picture.data), "size": list(picture.size)} for picture in images],
            "scores": [[_scores(explained, each) for each in every] for explained, every in scores],
            "predictions": [
                [
                    {"top": top, "score": score if math.isfinite(score) else None, "correct": correct}
                    for top, score, correct in zip(*session.predictions(plan.images, model))
                ]
                for model in range(len(session.models))
            ],
        }
        titles = ", ".join(method["title"] for method in self._setup["methods"])
        models = listed([model["name"] for model in self._setup["models"]])
        version = importlib.metadata.version("ke-widgets")
        about = f"{titles} of {models}: {plan}. Computed on {time.strftime('%Y-%m-%d')} with ke_widgets {version}."
        return page(self._title, about, contents)

    def _write(self):
        """Write all of it, or nothing."""
        before, after = self._page
        with whole_file(self.path) as partial:
            with open(partial, "x", encoding="utf-8", newline="\n") as file:
                file.write(before)
                for number, (name, stored) in enumerate(self._maps.items()):
                    file.write(f"{',' * (number > 0)}{text(name)}:{text(stored)}")
                file.write(after)
            if self.finished:  # It was cancelled meanwhile.
                partial.unlink()


def _megabytes(size):
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def _base64(data):
    return base64.b64encode(data).decode()


def _scores(explained, scores):
    return {"kind": explained.scores_kind(scores), "values": _base64(np.ascontiguousarray(scores, "<f4").tobytes())}


def _check_limit(limit):
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0:
        raise ValueError(f"`limit` must be a number of bytes above 0. Received: limit={short_repr(limit)}.")
    return int(limit)
