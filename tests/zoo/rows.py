"""What a row of the table is: a model to build, and what must be true of it."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["cnn", "tokens", "dense output", "detector", "no layer"]

# The modules that hold rows, in the order of the table.
FAMILIES = ("applications", "hub", "vision_encoders", "idioms", "idiom_tokens", "ports", "port_tokens")

ROWS: dict[str, "Row"] = {}


@dataclass(frozen=True)
class Row:
    """One model, and what is to be checked.

    Attributes:
        name: `family.model`, as in the table.
        build: Makes the model, with random weights.
        kind: `"cnn"`: its layers have places `(B, H, W, K)`. `"tokens"`: they have tokens `(B, N, K)`.
            `"dense output"`, `"detector"`: it gives no scores `(B, U)`, or several outputs, and may be refused.
            `"no layer"`: nothing in it has a place; it may be refused by what needs a layer.
        shape: Shape of an image; `None` takes the model's own.
        pixels: Least and largest pixel value.
        sums: Whether the full-gradient terms must sum to the logit (49 models).
        block: Path of a layer whose tokens Grad-CAM is checked at.
        before: Tokens of `block` before those that have a place.
        after: Tokens of `block` after those that have a place.
        grids: Rows and columns that its token signals may have.
        head: Name, or index, of the output to explain.
        scores: Takes the model and gives the function from images to logits; `None` takes the softmax off itself.
        inputs: Takes the model and images, and gives what the model takes; `None` gives the images.
        predicted: Takes the model and images, and gives what `model.predict` makes of them before the model runs, where
            it carries a preprocessor; the widget must do the same.
        loose: Largest relative error; 1e-2 but for half precision.
    """

    name: str
    build: Callable[[], Any]
    kind: Kind = "cnn"
    shape: tuple | None = None
    pixels: tuple[float, float] = (0.0, 1.0)
    sums: bool = False
    block: str | None = None
    before: int = 0
    after: int = 0
    grids: tuple[tuple[int, int], ...] = ()
    head: str | int | None = None
    scores: Callable[[Any], Callable] | None = None
    inputs: Callable[[Any, Any], Any] | None = None
    predicted: Callable[[Any, Any], Any] | None = None
    loose: float = 1e-2

    @property
    def family(self):
        return self.name.split(".")[0]


def row(name, **facts):
    """Enter a function that builds a model as the row `name`."""

    def enter(build):
        if name in ROWS:
            raise ValueError(f"`name` must be new. Received: {name!r} twice.")
        ROWS[name] = Row(name, build, **facts)
        return build

    return enter


def load():
    """Import every family, and give all rows by name."""
    for family in FAMILIES:
        importlib.import_module(f"tests.zoo.{family}")
    return ROWS
