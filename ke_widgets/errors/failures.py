"""Summarize an exception of a model or a method in one sentence, without graph nodes and arguments."""

import re
import traceback
from pathlib import Path
from typing import Any

from ke_widgets.backend import FrameworkError, OutOfMemory, message

_PACKAGE = str(Path(__file__).parents[1])
_LONGEST_SENTENCE = 300
_LONGEST_TRACEBACK = 20_000
_READ = 100_000  # Characters of a message that are searched.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

_MEMORY = (
    "The device ran out of memory: choose a layer nearer to the output, smaller images, or, where the method has them, "
    "a smaller `batch_size` and fewer repetitions."
)
_SHAPES = (
    "The shapes do not fit: bring the images to the size and the channels that the model was trained on, or pass "
    "`preprocess=`."
)
_NUMBERS = "Something became NaN or infinite: look at the range of the image, at `preprocess=`, and at the weights."
_ANY = "The kernel and the widget go on: choose another layer or method, or run the model on this image in a cell."
_SIGNS = (
    (r"\bOOM\b|out of memory|(failed|unable) to allocate", _MEMORY),
    (r"\bnan\b|\binf\b|not finite|infinite", _NUMBERS),
    (
        r"incompatible shapes|must be equal, but|incompatible with the layer|requested shape|size-incompatible|"
        r"could not be broadcast|shapes must|inconsistent with",
        _SHAPES,
    ),
)


def sentence(error: BaseException) -> str:
    """Return the relevant sentence of an exception.

    TensorFlow adds the nodes of its graph around it, Keras the arguments of the layer, AutoGraph the user's code.

    Args:
        error: An exception.

    Returns:
        One line of at most 300 characters; a message of our own is complete. It starts with the exception's type,
        unless that is `ValueError` or one of the framework's.
    """
    if is_our_own(error):
        return str(error)
    raw = _raw(error)
    text = _shortened(_first_line(_without_nodes(_innermost(raw))))
    raised = _behind_code(raw)  # AutoGraph changes the type of an exception that it cannot raise again.
    kind = raised[1] if raised else type(error).__name__
    if not text:
        return kind
    plain = isinstance(error, ValueError | FrameworkError)
    return text if plain or text.startswith(kind) else f"{kind}: {text}"


def hint(error: BaseException) -> str | None:
    """Return advice on an exception, `None` if its own message is enough."""
    if is_our_own(error):
        return None
    if isinstance(error, MemoryError | OutOfMemory):
        return _MEMORY
    said = sentence(error)
    known = next((advice for sign, advice in _SIGNS if re.search(sign, said, re.IGNORECASE)), None)
    return known or (None if isinstance(error, TypeError | ValueError) else _ANY)


def details(error: BaseException) -> str | None:
    """Return the traceback, cut in the middle if very long; `None` for an error of our own."""
    if is_our_own(error):
        return None
    text = _COLOURS.sub("", "".join(traceback.format_exception(error))).strip()
    if len(text) <= _LONGEST_TRACEBACK:
        return text
    return f"{text[: _LONGEST_TRACEBACK // 4]}\n[...]\n{text[-3 * _LONGEST_TRACEBACK // 4 :]}"


def is_our_own(error: BaseException) -> bool:
    """Return whether this package raised the error with a message of its own."""
    if not isinstance(error, TypeError | ValueError) or "\n" in str(error)[:_READ]:
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code.co_filename.startswith(_PACKAGE)


def of_the_data(error: BaseException) -> bool:
    """Return whether the cause may be one image of a batch, so that others could still run."""
    return isinstance(error, ValueError | FrameworkError)


def _raw(error: Any) -> str:
    text = message(error)
    if text is None:  # A KeyError writes its message as Python would.
        text = error.args[0] if len(error.args) == 1 and isinstance(error.args[0], str) else str(error)
    text = str(text)
    return text if len(text) <= 2 * _READ else f"{text[:_READ]}\n{text[-_READ:]}"


def _innermost(text: str) -> str:
    """Remove what Keras and AutoGraph add around a message."""
    if "\\x1b[1m" in text:  # Inside of a KeyError's message.
        text = text.replace("\\x1b", "\x1b").replace("\\n", "\n")
    if "\x1b[1m" in text:
        return _COLOURS.split(text.rpartition("\x1b[1m")[2])[0]
    if text.startswith("in user code:"):
        raised = _behind_code(text)
        return raised[2] if raised else text.rpartition('\n    File "')[2]
    return text


def _behind_code(text: str) -> re.Match[str] | None:
    """Find type and message behind the user's code that AutoGraph adds."""
    if not text.startswith("in user code:"):
        return None
    return re.search(r"^ {4}([A-Za-z_]\w*): (.*)", text.rpartition('\n    File "')[2], re.MULTILINE | re.DOTALL)


def _without_nodes(text: str) -> str:
    """Remove TensorFlow's description of its graph."""
    if text.startswith("Graph execution error"):
        stack = r"\s*File \"|Graph execution error|Detected at node|<stack traces|\s*\(most recent|\d+ root error"
        text = "\n".join(line for line in text.splitlines() if line.strip() and not re.match(stack, line))
    text = re.sub(r"^\s*\(\d+\) [A-Z_ ]+:\s*", "", text)
    text = text.partition("\n\t [[")[0]
    text = re.sub(r"\{\{function_node [^}]*\}\}\s*| for '\{\{node [^']*'|\s*\[Op:[^\]]*\](\s*name:\s*\S*)?", "", text)
    return re.sub(r" on /job:\S+( by allocator \S+)?", "", text)


def _first_line(text: str) -> str:
    """Return the first informative line; of an assertion, its message without the numbers."""
    summary = re.match(
        r"\s*Expected '.*' to be true\. Summarized data: (?:b(['\"]))?(.*?)(?:\1)?\s*$", text, re.MULTILINE
    )
    if summary:
        return summary[2]
    if re.match(r"\s*assertion failed: ", text):
        printed = [each.strip(" :'\"") for each in re.findall(r"\[([^\[\]]*)\]", text)]
        messages = [each for each in printed if re.search(r"[A-Za-z]{2}", each)]
        return messages[0] if messages else "assertion failed"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = lines[0] if lines else ""
    return f"{first} {lines[1]}" if first.endswith(":") and len(lines) > 1 else first


def _shortened(text: str) -> str:
    text = " ".join(_COLOURS.sub("", text).split())
    return text if len(text) <= _LONGEST_SENTENCE else f"{text[: _LONGEST_SENTENCE - 1].rstrip()}…"
