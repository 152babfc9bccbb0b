"""What a method needs as data and the page names only: baseline colours, and a background of the user's images."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ke_widgets import methods
from ke_widgets.widget.images.images import Images

_BACKGROUND = 8  # Images; they are constants of a compiled function.


class MethodData:
    """Fills in the data of methods, from the user's images.

    Args:
        images: The model's `Images`.
    """

    def __init__(self, images: Images) -> None:
        self._images = images
        self._background: np.ndarray | None = None
        self._colours: Any = False  # Not asked yet.

    def of(self, method: Callable[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a method, with data in the place of names.

        Args:
            method: A method of the table.
            params: Its parameters, as the page or the user chose them.

        Returns:
            A dict; `"black"` and `"white"` are the colours that `preprocess` makes of them, and a background is the
            first of the images.
        """
        found = dict(params)
        if found.get("baseline") in ("black", "white"):
            found["baseline"] = self._colour(found["baseline"])
        _, spec = methods.table()[method.__name__]
        if "background" in spec.data:
            found.setdefault("background", self._first_images())
        return found

    def _colour(self, name: str) -> Any:
        if self._colours is False:
            self._colours = self._images.colours(0)
        # Without, the method says what is missing.
        return name if self._colours is None else self._colours[name == "white"].astype("float32")

    def _first_images(self) -> np.ndarray:
        """Return the first images that have the size of the first one, `(N, H, W, C)`."""
        if self._background is None:
            found: list[np.ndarray] = []
            for index in range(min(len(self._images), 4 * _BACKGROUND)):
                try:
                    image = self._images.inputs(index)
                except ValueError:  # An unreadable file.
                    continue
                fits = not found or image.shape == found[0].shape
                if fits and np.isfinite(image).all() and len(found) < _BACKGROUND:
                    found.append(image)
            self._background = np.concatenate(found) if found else np.zeros((0,))
        return self._background
