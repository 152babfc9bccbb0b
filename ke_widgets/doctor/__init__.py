"""Check what is installed and missing, and advise what to do: `ke-widgets doctor`; in a cell, `ke.doctor.report()`.

A probe is a function without arguments that yields findings. Each runs on its own: an exception is a finding too,
so that one failure does not hide the others. TensorFlow is loaded in a separate process (`trial.py`), because a broken
one may crash the process.
"""

import json
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from ke_widgets.doctor.packages import Row

LEVELS = ("ok", "warning", "error")


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        part: What was checked, such as `"packages"`.
        level: `"ok"`; `"warning"`: the widget works with limits; `"error"`: it does not.
        text: What was found.
        advice: What to do about it, empty if all is well.
    """

    part: str
    level: Literal["ok", "warning", "error"]
    text: str
    advice: str = ""


def diagnose(quick: bool = False) -> Iterator[Finding]:
    """Check everything that the widget needs, and yield the findings.

    Args:
        quick: Whether to skip the trial, which loads TensorFlow.

    Yields:
        A `Finding` each, in the order of the report.
    """
    from ke_widgets.doctor import browser, hosts, packages, servers, trial

    probes = {
        "packages": [packages.versions, packages.backend, packages.bundle],
        "JupyterLab": [browser.labextensions],
        "server": [servers.extension, servers.running],
        "kernels": [servers.kernels],
        "trial": [] if quick else [trial.run],
        "hosts": [hosts.hosts],
    }
    for part, functions in probes.items():
        for probe in functions:
            yield from _isolated(part, probe)


def _isolated(part: str, probe: Callable[[], Iterable[Row]]) -> Iterator[Finding]:
    try:
        for level, text, *advice in probe():
            yield Finding(part, level, text, *advice)
    except ModuleNotFoundError as error:
        advice = 'pip install "ke-widgets[lab]"'
        yield Finding(part, "warning", f"{probe.__name__}: not looked at, {error.name} is not installed", advice)
    except Exception as error:  # Whatever a broken installation raises is a finding.
        text = f"{probe.__name__} could not be looked at: {type(error).__name__}: {_first_line(error)}"
        yield Finding(part, "warning", text, "add the output of `ke-widgets doctor --json` to a report of this problem")


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")


def report(quick: bool = False, as_json: bool = False, write: Callable[[str], object] = print) -> int:
    """Write the report and return the command's exit status.

    Args:
        quick: See `diagnose`.
        as_json: Write one JSON object instead of lines.
        write: A function that takes a line.

    Returns:
        1 if there is an error among the findings, else 0.
    """
    findings, part = [], None
    for finding in diagnose(quick):
        findings.append(finding)
        if as_json:
            continue
        if finding.part != part:
            part = finding.part
            write(f"\n{part}" if len(findings) > 1 else part)
        write(f"  {finding.level:7}  {finding.text}")
        if finding.advice:
            write(f"           -> {finding.advice}")
    count = {level: sum(finding.level == level for finding in findings) for level in LEVELS}
    if as_json:
        machine = {"python": sys.version, "executable": sys.executable, "platform": platform.platform()}
        write(json.dumps({**machine, **count, "findings": [finding._asdict() for finding in findings]}, indent=2))
    else:
        write(f"\n{_verdict(count)}")
    return 1 if count["error"] else 0


def _verdict(count: dict[str, int]) -> str:
    said = f"{_number(count['error'], 'error')}, {_number(count['warning'], 'warning')}"
    return f"The widget {'will not work here' if count['error'] else 'will work here'}: {said}."


def _number(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"
