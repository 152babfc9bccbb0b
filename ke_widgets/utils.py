"""Small conveniences."""


def tolist(value):
    """Give `value` as a list: itself, the items of a tuple, or a list of one.

    Args:
        value: Anything.

    Returns:
        A list.

    Examples:
        >>> tolist("a"), tolist(("a", "b")), tolist(None)
        (['a'], ['a', 'b'], [None])
    """
    return list(value) if isinstance(value, list | tuple) else [value]
