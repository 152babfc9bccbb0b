"""Make the outlines of the eight classes: closed polygons `(N, 2)` around the origin, all of the same area, pi."""

import numpy as np

_TURN = 2 * np.pi


def _circle(radius: float = 1.0, start: float = 0.0, stop: float = _TURN, points: int = 64) -> np.ndarray:
    angles = np.linspace(start, stop, points)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _regular(corners: int, start: float = 0.0) -> np.ndarray:
    return _circle(1.0, start, start + _TURN, corners + 1)[:-1]


def _star() -> np.ndarray:
    outline = _regular(10, -_TURN / 4)
    outline[1::2] *= 0.55
    return outline


def _ring(hole: float = 0.42) -> np.ndarray:
    """Make one polygon: once around, through a seam of no width, and back around the hole."""
    return np.concatenate([_circle(), _circle(hole)[::-1]])


def _cross(arm: float = 0.36) -> np.ndarray:
    corner = np.array([[arm, 1.0], [arm, arm], [1.0, arm]])
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    return np.concatenate([corner @ np.linalg.matrix_power(quarter, turn) for turn in range(4)])


def _heart() -> np.ndarray:
    angles = np.linspace(0, _TURN, 64)[:-1]
    height = 13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles) - np.cos(4 * angles)
    return np.stack([16 * np.sin(angles) ** 3, -height], axis=-1)


def _crescent(bite: float = 0.7, offset: float = 0.55) -> np.ndarray:
    """Make a disc without a second disc of radius `bite`, whose centre is `offset` to the right."""
    tip = np.arccos((1 + offset**2 - bite**2) / (2 * offset))
    outer = _circle(1.0, tip, _TURN - tip)
    reach = np.arctan2(np.sin(tip), np.cos(tip) - offset)
    inner = _circle(bite, -reach, reach - _TURN)[1:-1] + np.array([offset, 0.0])
    return np.concatenate([outer, inner])


def area(outline: np.ndarray) -> float:
    """Compute the area of a closed polygon.

    Args:
        outline: Corners `(N, 2)`, in order.

    Returns:
        The area, in squared units of `outline`.

    Examples:
        >>> float(area(np.array([[0, 0], [2, 0], [2, 1], [0, 1]])))
        2.0
    """
    x, y = outline.T
    return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


def _standardize(outline: np.ndarray) -> np.ndarray:
    outline = outline - (outline.min(axis=0) + outline.max(axis=0)) / 2
    return outline * np.sqrt(np.pi / area(outline))


OUTLINES = {
    "star": _standardize(_star()),
    "triangle": _standardize(_regular(3, -_TURN / 4)),
    "disc": _standardize(_circle()),
    "ring": _standardize(_ring()),
    "cross": _standardize(_cross()),
    "square": _standardize(_regular(4, _TURN / 8)),
    "heart": _standardize(_heart()),
    "crescent": _standardize(_crescent()),
}
