"""The job that exports one HTML file: it computes all selected maps in short turns, then writes the file."""

import base64
import concurrent.futures
import importlib.metadata
import json
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from ke_widgets.errors.short_repr import short_repr
from ke_widgets.widget.export.files import check_path, whole_file
from ke_widgets.widget.export.html import listed, page, text
from ke_widgets.widget.session.choice import Choice

_TURN_SECONDS = 0.05
_REPORT_SECONDS = 0.1


class Export:
    """An export in progress: computes every map of a selection in short turns, and writes the file.

    Args:
        path: Path of the file.
        title: Heading of the page.
        session: The `Session` that computes.
        selection: A `Selection`.
        setup: Description of the session for the page; see `page_setup`.
        traits: Initial traits of the page; see `initial_traits`.
        encode: Encodes a map, its display range and its region as plain data and bytes; see `messages.encode_map`.
        limit: Largest size of the file in bytes.

    Attributes:
        path: Path of the file.
        size: Estimated size of the file in bytes; `None` until it is known.
        total: Total number of maps.
        finished: Whether the export has ended.
        failures: Errors of maps that could not be computed.
    """

    def __init__(self, path, title, session, selection, setup, traits, encode, limit) -> None:
        self.path = check_path(path)
        self.size = None
        self.finished = False
        self.failures = []
        self._title = title
        self._session = session
        self._selection = selection
        self._setup = setup
        self._traits = traits
        self._encode = encode
        self._limit = _check_limit(limit)
        self._uses_layer = {method["name"]: method["uses_layer"] for method in setup["methods"]}
        self._maps = {}
        self._lengths = {}
        self._sizes = {image: session.images.encoded(image).size for image in selection.images}
        self._page = ("", "")
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._last_report = 0.0
        self._work = self._run()
        self.total = sum(len(layers) for _, _, layers, _, _ in self._groups())

    def turn(self) -> Iterator[int]:
        """Run for `_TURN_SECONDS`, so that the caller can do other work between two turns.

        Yields:
            The number of computed maps, now and then, and of all once the export ends by itself.
        """
        end = time.monotonic() + _TURN_SECONDS
        try:
            for _ in self._work:
                if self.finished:
                    return
                if time.monotonic() - self._last_report >= _REPORT_SECONDS:
                    self._last_report = time.monotonic()
                    yield len(self._maps)
                with self._changed:
                    self._changed.notify_all()
                if time.monotonic() >= end:
                    return
        except Exception as error:
            self._error = self._error or error
        if not self.finished:
            yield self.total
            self._finish()

    def cancel(self) -> None:
        """Stop the export without writing a file."""
        if not self.finished:
            self._error = concurrent.futures.CancelledError(f"{self.path.name} was cancelled; no file was written.")
            self._finish()

    def wait(self, verbose: Literal["auto", 0, 1, 2] = "auto") -> Path:
        """Wait on another thread until the export ends.

        Args:
            verbose: `"auto"`, 0 (silent), 1 (progress bar) or 2 (one line).

        Returns:
            The path of the written file.

        Raises:
            Exception: The error that ended the export.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.finished or self.size is not None)
        if verbose and self.size is not None and self.size <= self._limit:
            print(f"{self.path.name}: {self._selection}, {self.total:,} maps, about {_megabytes(self.size)}")
            bar = keras.utils.Progbar(self.total, verbose=1 if verbose == "auto" else verbose, unit_name="map")
            self._follow(bar.update)
        with self._changed:
            self._changed.wait_for(lambda: self.finished)
        if self._error is not None:
            raise self._error
        if verbose and self.failures:
            print(f"{len(self.failures)} of {self.total:,} maps could not be computed. First error: {self.failures[0]}")
        return self.path

    def _follow(self, update):
        """Call `update` each time that more maps are computed."""
        done = None
        while done != self.total:
            with self._changed:
                self._changed.wait_for(lambda: self.finished or len(self._maps) != done)  # noqa: B023
                if self.finished and len(self._maps) == done:
                    return
                done = len(self._maps)
            update(done)

    def _finish(self):
        with self._changed:
            self.finished = True
            self._changed.notify_all()

    # Computing.

    def _run(self):
        """Compute one map of each size to estimate the file's size, then all others, and write the file."""
        generations = self._session.generations()
        groups = self._groups()
        samples = {}
        for group in groups:
            samples.setdefault(self._size_key(*group), group)
        for key, group in samples.items():
            yield from self._explain(*group)
            self._lengths[key] = [len(text(self._maps[name])) for name in self._names(*group)]
        for method in self._selection.methods:
            sampled = [
                self._maps[name] for group in samples.values() if group[1] == method for name in self._names(*group)
            ]
            if all("error" in stored for stored in sampled):
                raise ValueError(
                    f"`methods` must name methods that run on this model: {method!r} {sampled[0]['error']}"
                )
        self._page = self._render_page()
        self.size = self._estimate(groups)
        if self.size > self._limit:
            raise ValueError(
                f"`limit` must be at least the size of the file, about {self.size:,} bytes for {self._selection}: "
                f"{self.total:,} maps. Received: limit={self._limit:,}. Ask for fewer images, layers, classes or "
                "methods, or raise it."
            )
        yield
        for group in groups:
            if group != samples[self._size_key(*group)]:
                yield from self._explain(*group)
        if self._session.generations() != generations:
            raise RuntimeError(
                f"{self.path.name} was not written, because the model was trained during the export and its maps would "
                "belong to different weights. Export again after the training."
            )
        self._write()

    def _groups(self):
        """List the groups of maps that are computed together: model, method, layers, image, class.

        Layers are an outer loop, because few compiled functions are cached; the classes of an image are the inner one.
        """
        selection = self._selection
        return [
            (model, method, layers, image, class_index)
            for model in range(len(selection.layers))
            for method in selection.methods
            for layers in self._layer_groups(model, method)
            for image in selection.images
            for class_index in selection.classes
        ]

    def _layer_groups(self, model, method):
        """Split the layers into groups that one pass computes: all together if possible and worthwhile, or one each."""
        layers = self._selection.layers[model] if self._uses_layer[method] else [""]
        possible = self._session.models[model].why_not_at_all_layers is None
        all_at_once = possible and method in self._session.all_layers_methods
        return [tuple(layers)] if all_at_once and len(layers) > 2 else [(layer,) for layer in layers]

    def _size_key(self, model, method, layers, image, class_index):
        """Return what the stored size of a group's maps depends on."""
        return model, method, layers, self._sizes[image]

    def _names(self, model, method, layers, image, class_index):
        """Return the key of each map, as `js/src/offline/archive.ts` builds it."""
        position = self._selection.images.index(image)
        return [f"{model} {position} {class_index} {method} {layer}" for layer in layers]

    def _explain(self, model, method, layers, image, class_index):
        """Compute the maps of a group."""
        choice = {"image_index": image, "class_index": class_index, "method": method, "model_index": model}
        choice |= {"params": self._traits["params"], "contrast_index": None}
        names = self._names(model, method, layers, image, class_index)
        if len(layers) > 1:
            explained = self._session.models[model]
            started = time.perf_counter()
            values, ranges = explained.at_all_layers(Choice(layer=layers[0], **choice))
            milliseconds = 1000 * (time.perf_counter() - started) / len(values)
            found = dict(zip(explained.layers, zip(values, ranges)))
            for name, layer in zip(names, layers):
                values, (low, high) = found[layer]
                self._maps[name] = self._entry(
                    values, low, high, explained.images.input_region(image), None, milliseconds
                )
            yield
            return
        for name, layer in zip(names, layers):
            yield from self._explain_at(name, Choice(layer=layer or self._selection.layers[model][-1], **choice))

    def _explain_at(self, name, choice):
        try:
            last = []
            for _, _, finish in self._session.model_of(choice).steps(choice):
                last = [finish]
                yield
            found = last[0]()
        except ValueError as error:  # The method does not run at this layer; the other layers are unaffected.
            self.failures.append(error)
            self._maps[name] = {"error": str(error)}
        else:
            entry = self._entry(
                found.map, found.low, found.high, found.input_region, found.empty_reason, found.milliseconds
            )
            whole = {} if found.completeness is None else {"completeness": found.completeness}
            self._maps[name] = entry | whole
        yield

    def _entry(self, values, low, high, input_region, empty_reason, milliseconds):
        content, buffer = self._encode(values, low, high, input_region)
        # Nine significant digits round-trip a float32, and keep the file small.
        short = {name: float(f"{value:.9g}") if isinstance(value, float) else value for name, value in content.items()}
        return {
            "map": short,
            "values": _base64(buffer),
            "empty_reason": empty_reason,
            "milliseconds": round(milliseconds, 2),
        }

    # Writing.

    def _estimate(self, groups):
        """Estimate the size of the file in bytes from one computed map of each size."""
        names = sum(len(json.dumps(name)) + 2 for group in groups for name in self._names(*group))
        return sum(map(len, self._page)) + names + sum(sum(self._lengths[self._size_key(*group)]) for group in groups)

    def _render_page(self):
        """Render the HTML before and after the maps."""
        selection, session = self._selection, self._session
        images = [session.images.encoded(image) for image in selection.images]
        scores = [(explained, explained.scores(selection.images)) for explained in session.models]
        contents = {
            "setup": self._setup,
            "traits": self._traits,
            "images": [{"data": _base64(picture.data), "size": list(picture.size)} for picture in images],
            "scores": [[_scores(explained, each) for each in every] for explained, every in scores],
            "predictions": [
                [
                    {"top": top, "score": score if math.isfinite(score) else None, "correct": correct}
                    for top, score, correct in zip(*session.predictions(selection.images, model))
                ]
                for model in range(len(session.models))
            ],
        }
        titles = ", ".join(method["title"] for method in self._setup["methods"])
        models = listed([model["name"] for model in self._setup["models"]])
        version = importlib.metadata.version("ke-widgets")
        about = f"{titles} of {models}: {selection}. Computed on {time.strftime('%Y-%m-%d')} with ke_widgets {version}."
        return page(self._title, about, contents)

    def _write(self):
        """Write the complete file, or nothing."""
        before, after = self._page
        with whole_file(self.path) as partial:
            with open(partial, "x", encoding="utf-8", newline="\n") as file:
                file.write(before)
                for number, (name, stored) in enumerate(self._maps.items()):
                    file.write(f"{',' * (number > 0)}{text(name)}:{text(stored)}")
                file.write(after)
            if self.finished:  # It was cancelled while the file was written.
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
