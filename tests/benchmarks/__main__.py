"""Every benchmark, one after the other: `python -m tests.benchmarks PEERS`, and `RESULTS.md` beside this file.

PEERS is the interpreter of an environment that has the other libraries: `make bench` makes it.
"""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
VERSIONS = """
import importlib.metadata, json
names = ("tensorflow", "keras", "numpy", "xplique", "tf-keras-vis", "tf-explain")
print(json.dumps({name: importlib.metadata.version(name) for name in names}))
"""
HEAD = """\
# Speed

Written by `make bench` on {date}: {cores} cores, {machine}, Python {python}; {versions}.
JupyterLab {lab}, its kernel with TensorFlow {own}.

All of one row was measured in one process, in turn; figures are medians of ratios, each work timed for ten seconds
between two of its unit, ours at least seven times (of the others, what takes over 20 seconds once). `forward` and
`gradient` are the bare compiled pass of the same model on the same images (random weights, 224 x 224), which is the
limit; `predict` is `model.predict`. Below 1 is noise of the machine. "Off by" is the largest difference from a plain,
eager computation of the same map, in units of its largest number; SmoothGrad's may be larger than rounding, as the
plain one is from itself when it takes two samples at a time (5e-4 on MobileNetV2): where a ReLU's input is next to
nothing, rounding decides whether it lets a gradient through. "(beyond)" marks what is above what was set.
"""


def main(peers):
    """Run all of it, print each row as it comes, and write the results."""
    (versions,) = map(json.loads, _run(peers, "-c", VERSIONS))
    found = []
    for python, module in (
        (sys.executable, "first_use"),
        (sys.executable, "browser"),
        (sys.executable, "kernel"),
        (sys.executable, "start"),
        (peers, "methods"),
    ):
        for line in _run(python, "-m", f"tests.benchmarks.{module}"):
            if line.startswith("{"):
                found.append(json.loads(line))
                print(_line(found[-1]), flush=True)
                RESULTS.write_text(_head(versions) + "\n" + table(found))  # what there is, if it is interrupted
    print(f"{RESULTS.name} holds {len(found)} rows; beyond what was set: {sum(_beyond(row) for row in found)}")


def _run(python, *command):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(RESULTS.parents[2])}
    process = subprocess.Popen([python, *command], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        yield line.strip()
    if process.wait():
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")


def _head(versions):
    own = importlib.metadata.version
    return HEAD.format(
        date=datetime.date.today(),
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
        versions=", ".join(f"{name} {version}" for name, version in versions.items()),
        lab=own("jupyterlab"),
        own=own("tensorflow"),
    )


def table(rows):
    """Write rows as a table in Markdown."""
    names = ("xplique", "tf-keras-vis", "tf-explain")
    lines = [
        f"| work | network | batch | unit (ms) | ke_widgets | at most | {' | '.join(names)} | off by |",
        f"| --- | --- | --- | --- | --- | --- | {' | '.join('---' for _ in names)} | --- |",
    ]
    for row in rows:
        peers = " | ".join(f"{row['peers'][name]:.2f}" if name in row["peers"] else "" for name in names)
        most = "" if row["most"] is None else f"{row['most']:.4g}"
        ours = f"{row['ours']:.2f}{' (beyond)' if _beyond(row) else ''}"
        off = "" if row["difference"] is None else f"{row['difference']:.0e}"
        unit = f"{row['unit']} ({row['milliseconds']:.0f})" if row["milliseconds"] else row["unit"]
        cells = (row["work"], row["network"], row["batch"], unit, ours, most, peers, off)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def _line(row):
    return table([row]).splitlines()[-1]


def _beyond(row):
    return row["most"] is not None and row["ours"] > row["most"]


if __name__ == "__main__":
    main(sys.argv[1])
