"""Load the two trained models of the package."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import keras

from pathlib import Path

MODELS = ("honest", "cheat")


def load(name: Literal["honest", "cheat"]) -> "keras.Model":
    """Load a trained demo model.

    Args:
        name: `"honest"` or `"cheat"`.

    Returns:
        A `keras.Model` from raw images `(B, 96, 96, 3)` in 0..255 to the probabilities `(B, 8)` of `LABELS`,
        not compiled.

    Raises:
        ValueError: If there is no demo model of this name.

    Examples:
        >>> load("honest").output_shape
        (None, 8)
    """
    if name not in MODELS:
        raise ValueError(f"`name` must be one of {MODELS}. Received: name={name!r}")
    import keras  # Here, so that drawing scenes does not import a backend.

    return keras.models.load_model(Path(__file__).with_name(f"{name}.keras"), compile=False)
