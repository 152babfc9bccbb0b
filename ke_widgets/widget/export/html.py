"""The HTML of an exported file: self-contained, with a security policy that runs only the package's own script."""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_STATIC = Path(__file__).parents[1] / "static"
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<div id="view"></div>
<noscript><p>The picture is drawn by a script in this file, which this browser does not run.</p></noscript>
<p class="about">{about}</p>
</main>
<script type="application/json" id="contents">{contents}</script>
<script type="application/json" id="maps">{{"""
_FOOT = """}}</script>
<script>{script}</script>
</body>
</html>
"""


def page(title: str, about: str, contents: Any) -> tuple[str, str]:
    """Render the page around the maps, without external resources and with all text escaped.

    Args:
        title: The heading.
        about: A line under the view.
        contents: Plain data for the script, serializable to JSON.

    Returns:
        The HTML before and after the maps, which are the members of a JSON object.

    Raises:
        RuntimeError: If the package was installed without its built JavaScript files.
    """
    try:
        script, style = ((_STATIC / name).read_text("utf-8") for name in ("offline.js", "offline.css"))
    except FileNotFoundError as error:
        raise RuntimeError(f"{error.filename} is missing from ke_widgets. Build it: npm run build.") from error
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    title, about = html.escape(title), html.escape(about)
    head = _HEAD.format(policy=policy, title=title, style=style, about=about, contents=text(contents))
    return head, _FOOT.format(script=script)


def listed(words: Sequence[str]) -> str:
    """Join words to a list in a sentence: `a`, `a and b`, `a, b and c`."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def text(data: Any) -> str:
    """Serialize plain data to JSON that is safe inside a script element."""
    written = json.dumps(data, separators=(",", ":"), default=list, allow_nan=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
