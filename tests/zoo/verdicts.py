"""What a row must be, and what the table says of it."""

from tests.zoo.checks import EXACT


def wrong(found, row):
    """List what is wrong with a row.

    Args:
        found: What a worker found.
        row: The `Row`.

    Returns:
        Sentences; none where all is as it must be.
    """
    if "crash" in found:
        return [found["crash"]]
    judge = {"cnn": _cnn, "tokens": _tokens, "no layer": _no_layer}.get(row.kind, _other)
    return list(judge(found, row))


def _exact(row):
    return max(EXACT, row.loose) if row.loose != 1e-2 else EXACT


def _right(found, name, limit):
    value = found.get(name)
    return isinstance(value, float | int) and value < limit


def _must(found, name, limit):
    if not _right(found, name, limit):
        yield f"{name} {_text(found.get(name))}"


def _shared(found, row):
    yield from _must(found, "gradients", _exact(row))
    if row.sums:
        yield from _must(found, "sum", _exact(row))


def _cnn(found, row):
    yield from _shared(found, row)
    yield from _must(found, "gradcam", row.loose)
    yield from _must(found, "widget", _exact(row))
    # The widget begins where the library does; 1x1 is no place to show.
    if "opens" in found and found.get("size", "1x1") not in ("1x1", found["map"]):
        library = f"the library at {found['default']} ({found['size']})"
        yield f"the widget begins at {found['opens']} ({found['map']}), {library}"


def _tokens(found, row):
    yield from _shared(found, row)
    if not (_refused(found, "gradcam") or _right(found, "gradcam", row.loose)):
        yield f"gradcam by default {_text(found.get('gradcam'))}"
    # Where tokens without a place come last, the layer may be refused: nothing in the model says which they are.
    if not (_right(found, "block", row.loose) or (row.after and _refused(found, "block"))):
        yield f"gradcam at {row.block} {_text(found.get('block'))}"
    if not (_refused(found, "widget") or _right(found, "widget", _exact(row))):
        yield f"widget {_text(found.get('widget'))}"
    if "opens" in found and row.grids and tuple(map(int, found["map"].split("x"))) not in row.grids:
        yield f"the widget shows {found['map']} at {found['opens']}"


def _no_layer(found, row):
    yield from _shared(found, row)
    if not _refused(found, "widget"):
        yield from _must(found, "widget", EXACT)


def _other(found, row):
    for name, limit in (("expose", EXACT), ("gradients", _exact(row)), ("gradcam", row.loose), ("widget", EXACT)):
        if name in found and not (_refused(found, name) or _right(found, name, limit)):
            yield f"{name} {_text(found[name])}"
    if row.block is not None:
        yield from _must(found, "block", row.loose)


def _refused(found, name):
    return str(found.get(name)).startswith("refused")


def state(found, row):
    """Say in one word what came of a token model by default: right, first layer, refused or wrong."""
    if _refused(found, "gradcam"):
        return "refused"
    if not _right(found, "gradcam", row.loose):
        return "wrong"
    return "right" if found.get("signal", "").count("x") == 1 else "first layer"


def untrue(found):
    """List what does not hold of a trained model."""
    return (
        [found["crash"]]
        if "crash" in found
        else [f"not: {c} ({text})" for c, holds, text in found["claims"] if not holds]
    )


def summary(results, known, trained):
    """Sum the rows up.

    Args:
        results: What was found, by name.
        known: All rows, by name.
        trained: What was found of trained models, by name.

    Returns:
        The summary line, and the names of wrong rows with what is wrong.
    """
    rows = {name: known[name] for name in results}
    bad = {name: faults for name in results if (faults := wrong(results[name], rows[name]))}
    bad |= {name: faults for name in trained if (faults := untrue(trained[name]))}
    words = [
        f"{len(rows)} models: {len(results)} rows",
        f"{sum('opens' in r for r in results.values())} open in the widget",
    ]
    words.append(_count("gradients right", results, rows, "gradients", _exact))
    words.append(_count("Grad-CAM right", results, rows, "gradcam", lambda row: row.loose, "cnn"))
    words.append(_count("full-gradient sums", results, rows, "sum", _exact, only=lambda row: row.sums))
    tokens = [name for name in rows if rows[name].kind == "tokens"]
    if tokens:
        states = [state(results[name], rows[name]) for name in tokens]
        counts = ", ".join(
            f"{states.count(s)} {s}" for s in ("right", "first layer", "refused", "wrong") if s in states
        )
        chosen = sum(_right(results[name], "block", rows[name].loose) for name in tokens)
        picked = sum(results[name].get("picked") == "" for name in tokens)
        words.append(
            f"token models: {chosen} of {len(tokens)} right at a chosen layer, by default {counts}; "
            f"{picked} can be picked there in the widget"
        )
    for name, found in trained.items():
        claims = found.get("claims", [])
        words.append(f"{name.split('.')[1]}: {sum(holds for _, holds, _ in claims)} of {len(claims)} claims hold")
    words.append(f"wrong: {', '.join(bad) or 'none'}")
    return "; ".join(words) + ".", bad


def _count(title, results, rows, name, limit, kind=None, only=lambda row: True):
    asked = [n for n in rows if rows[n].kind in ((kind,) if kind else ("cnn", "tokens", "no layer")) and only(rows[n])]
    return f"{title} {sum(_right(results[n], name, limit(rows[n])) for n in asked)} of {len(asked)}"


HEAD = (
    "| model | parameters | default layer: signal | gradients | Grad-CAM | at a chosen layer | full-grad. sum "
    "| widget: layer, map | seconds | wrong |\n|---|---|---|---|---|---|---|---|---|---|"
)


def line(found, row):
    """Write a row of the table in Markdown."""
    cells = [
        found["name"],
        f"{found.get('parameters', 0) / 1e6:.2f} M",
        f"`{found['default']}` {found.get('signal', '')}" if "default" in found else "–",
        _text(found.get("gradients")),
        _text(found.get("gradcam", found.get("expose"))),
        "–" if row.block is None else f"`{row.block}` {_text(found.get('block'))}",
        _text(found.get("sum")),
        _widget(found),
        f"{found.get('seconds', 0):.0f}",
        "; ".join(wrong(found, row)) or "",
    ]
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


def claims(found):
    """Write what was found of a trained model, a line for each claim."""
    if "crash" in found:
        return f"{found['name']}: {found['crash']}"
    lines = [f"- {'' if holds else '**not**: '}{claim}: {text}" for claim, holds, text in found["claims"]]
    return "\n".join([f"{found['name']} ({found['seconds']:.0f} s)\n", *lines])


def _widget(found):
    shown = (
        f"`{found['opens']}` {found['map']} {_text(found['widget'])}"
        if "opens" in found
        else _text(found.get("widget"))
    )
    return shown + (f"; block not: {found['picked'][:80]}" if found.get("picked") else "")


def _text(value):
    if value is None:
        return "–"
    return f"{value:.1g}" if isinstance(value, float | int) else str(value)[:160]
