"""The models people bring: `python -m tests.zoo [NAME...] [--family FAMILY]`, and `RESULTS.md` beside this file.

`make test-models` runs it where the packages are that the models come from.
"""

import argparse
import collections
import datetime
import importlib.metadata
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from tests.zoo import rows, trained, verdicts
from tests.zoo.worker import MARK

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "RESULTS.md"
PACKAGES = (
    *("tensorflow", "keras", "numpy", "keras-hub", "kimm", "k3im", "tfswin", "tfvit", "vit-keras", "keras-vision"),
    *("medicai", "zeromodels", "segmodels-keras", "keras-unet-collection", "efficientnet", "digitsclassifier"),
    "scikit-image",
)
EACH = 8  # models that one process takes, so that its memory is freed
SECONDS = 900  # that one model may take
# TensorFlow 2.21 with oneDNN dies in the gradient of a 1x1 convolution with strides, also in a plain eager tape.
WITHOUT_ONEDNN = ("port.kimm.RepVGGA0",)


def main(arguments=None):
    """Check the models, print a row for each as it comes, and a summary."""
    options = _parser().parse_args(arguments)
    known = rows.load()
    names = [name for name in (*known, *trained.MODELS) if _asked(name, options)]
    if not names:
        raise SystemExit(f"No model fits. Known: {', '.join((*known, *trained.MODELS))}.")
    found = {}
    print(verdicts.HEAD, flush=True)
    for each in _found(names, options.workers):
        found[each["name"]] = each
        print(_line(each, known), flush=True)
    results = {name: found[name] for name in names if name in known}
    believed = {name: found[name] for name in names if name in trained.MODELS}
    text, bad = verdicts.summary(results, known, believed)
    print("\n" + text)
    for name, faults in bad.items():
        print(f"  {name}: {'; '.join(faults)}")
    if len(results) == len(known) or options.out:
        Path(options.out or RESULTS).write_text(_document(text, results, known, believed))
    raise SystemExit(bool(bad))


def _line(found, known):
    return verdicts.line(found, known[found["name"]]) if found["name"] in known else verdicts.claims(found)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.zoo", description=__doc__)
    parser.add_argument("names", nargs="*", help="models, or parts of their names")
    parser.add_argument(
        "--family", choices=[*dict.fromkeys(name.split(".")[0] for name in (*rows.load(), *trained.MODELS))]
    )
    parser.add_argument("--workers", type=int, default=2, help="processes at once")
    parser.add_argument("--out", help="where the table goes; by default RESULTS.md, if all models were checked")
    return parser


def _asked(name, options):
    fits = not options.names or any(part in name for part in options.names)
    return fits and options.family in (None, name.split(".")[0])


def _found(names, workers):
    """Yield what was found of each model as it comes."""
    waiting, done = collections.deque(names), queue.Queue()
    threads = [threading.Thread(target=_feed, args=(waiting, done), daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for _ in names:
        yield done.get()


def _feed(waiting, done):
    worker = None
    while True:
        try:
            name = waiting.popleft()
        except IndexError:
            break
        if worker is None or not worker.takes(name):
            if worker is not None:
                worker.end()
            worker = Worker(name in WITHOUT_ONEDNN)
        done.put(worker.check(name))
    if worker is not None:
        worker.end()


class Worker:
    """A process that checks one model after the other. Its end is the row's end, not ours."""

    def __init__(self, without_onednn=False):
        self.without_onednn, self.left = without_onednn, EACH
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- it lives as long as the process
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"} if without_onednn else {**os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "tests.zoo.worker"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    def takes(self, name):
        """Tell whether this process may check one more, this one."""
        return self.process.poll() is None and self.left > 0 and (name in WITHOUT_ONEDNN) == self.without_onednn

    def check(self, name):
        """Check one model; if that ends the process, or takes too long, say so in its row."""
        self.left -= 1
        late = threading.Event()
        timer = threading.Timer(SECONDS, lambda: (late.set(), self.process.kill()))
        timer.start()
        try:
            answer = self._asked(name)
        finally:
            timer.cancel()
        if answer is not None:
            return json.loads(answer)
        code = self.process.wait()
        why = f"longer than {SECONDS} s" if late.is_set() else f"the process ended with {code}: {self._last_words()}"
        return {"name": name, "crash": why}

    def _asked(self, name):
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(name + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        return next((line[len(MARK) :] for line in self.process.stdout if line.startswith(MARK)), None)

    def _last_words(self):
        self.errors.seek(0)
        return " ".join(self.errors.read()[-300:].split())

    def end(self):
        """Let the process end."""
        if self.process.stdin is not None and self.process.poll() is None:
            self.process.stdin.close()
        self.process.wait()
        self.errors.close()


def _document(text, results, known, believed):
    parts = [_head(), text]
    for family in dict.fromkeys(name.split(".")[0] for name in results):
        these = [name for name in results if known[name].family == family]
        lines = [verdicts.line(results[name], known[name]) for name in these]
        parts.append("\n".join([f"## {family} ({len(these)})\n", verdicts.HEAD, *lines]))
    parts += [f"## {verdicts.claims(each)}" for each in believed.values()]
    return "\n\n".join(parts) + "\n"


def _head():
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return (
        "# The models people bring\n\n"
        f"Written by `make test-models` on {datetime.date.today()}, {os.cpu_count()} cores. {versions}.\n\n"
        "Random weights, batch normalisations with the statistics of images, no bias 0. Numbers are relative errors:\n"
        "*gradients* against a `GradientTape` on the model with its softmax taken off; *Grad-CAM* at the default\n"
        "layer, and at a chosen one for models with tokens, against central differences of plain forward passes (a\n"
        "place's channel vector is added everywhere; the slope is the number of places times the map there);\n"
        "*full-grad. sum*: how far the terms' sum is off the logit; *widget*: its first layer, that map's size, and\n"
        "the map against the library's own at that layer."
    )


if __name__ == "__main__":
    main()
