"""Random options of a reset, and whether they have arrived."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def same(found: Any, sent: Any) -> bool:
    """Whether a value has arrived: numbers by their value, for Godot reads all as floats."""
    if isinstance(sent, np.ndarray | np.generic):
        sent = sent.tolist()
    if isinstance(sent, dict):
        return isinstance(found, dict) and found.keys() == sent.keys() and all(same(found[k], sent[k]) for k in sent)
    if isinstance(sent, list | tuple):
        return isinstance(found, list) and len(found) == len(sent) and all(map(same, found, sent))
    if isinstance(sent, bool) or sent is None:
        return found is sent
    return type(found) in (int, float, str) and isinstance(found, str) == isinstance(sent, str) and bool(found == sent)
