"""Explain a demo image end to end in a separate process, which a broken TensorFlow may crash."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

from ke_widgets.doctor.packages import Row

SECONDS = 300
_MARK = "ke-widgets trial: "
_REINSTALL = f"{sys.executable} -m pip install --force-reinstall tensorflow keras numpy"


def run(seconds: float = SECONDS) -> Iterator[Row]:
    """Yield TensorFlow's devices and the time to the first map."""
    command = [sys.executable, "-c", "from ke_widgets.doctor import trial; trial.explain()"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    except subprocess.TimeoutExpired:
        yield "error", f"the demo was not explained within {seconds} s", "free memory and processor time, and try again"
        return
    findings = [line.removeprefix(_MARK) for line in done.stdout.splitlines() if line.startswith(_MARK)]
    for line in findings:
        yield from json.loads(line)
    if done.returncode < 0:
        yield "error", f"the process was ended by signal {-done.returncode} while TensorFlow ran", _REINSTALL
    elif done.returncode:
        reason = next(iter(reversed(done.stderr.strip().splitlines())), f"exit status {done.returncode}")
        advice = "install what is missing above" if reason.startswith("ModuleNotFoundError") else _REINSTALL
        yield "error", f"the demo could not be explained: {reason}", advice


def explain() -> None:
    """Explain one demo scene, and print the findings as marked lines of JSON, one after each step."""
    start = time.perf_counter()
    keras = importlib.import_module("keras")
    devices = keras.distribution.list_devices()
    _print(_backend(keras.backend.backend(), keras.version()), _devices(devices))
    import ke_widgets as ke
    from ke_widgets import demo

    loaded = time.perf_counter()
    widget = ke.ExplainerWidget(demo.load("honest"), demo.scenes(1, seed=1).images, labels=demo.LABELS)
    result = widget.wait()
    took = f"{loaded - start:.1f} s to load TensorFlow, {time.perf_counter() - loaded:.1f} s to the first map"
    widget.close()
    _print(("ok", f"explained a demo scene: {demo.LABELS[result.unit]}, map {result.map.shape}; {took}"))


def _print(*findings: Row) -> None:
    print(_MARK + json.dumps(findings), flush=True)


def _backend(name: str, version: str) -> Row:
    if name == "tensorflow":
        return "ok", f"keras {version} on tensorflow"
    return "error", f"keras {version} on {name}; explaining needs tensorflow", "set KERAS_BACKEND=tensorflow"


def _devices(devices: list[str]) -> Row:
    if all(device.startswith("cpu") for device in devices) and shutil.which("nvidia-smi"):
        return (
            "warning",
            f"devices: {', '.join(devices)}; there is an NVIDIA driver, but TensorFlow finds no GPU",
            'pip install "tensorflow[and-cuda]"',
        )
    return "ok", f"devices: {', '.join(devices)}"
