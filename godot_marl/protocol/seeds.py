"""Which seeds there are, and the one check of them (`docs/protocol.md`, 2.4)."""

from __future__ import annotations

import numpy as np

from godot_marl.errors import InvalidOptionError

# The largest integer of Godot.
MAX_SEED = 2**63 - 1


def validate_seed(seed: object, where: str) -> int:
    """Check a seed.

    Args:
        seed: The seed, of Python or NumPy.
        where: The argument or option, for the error.

    Returns:
        The seed as an integer of Python, which Gymnasium's generators need.

    Raises:
        InvalidOptionError: It is not an integer from 0 to 2**63 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= MAX_SEED:
        # Python does not write the decimals of a very long integer.
        got = f"{seed.bit_length()} bits" if isinstance(seed, int) and seed.bit_length() > 1000 else repr(seed)
        raise InvalidOptionError(
            "A seed cannot be used.", where=where, expected=f"an integer from 0 to {MAX_SEED}", got=got
        )
    return int(seed)


def validate_optional_seed(seed: object, where: str) -> int | None:
    """Check a seed that may be None, which lets a generator draw one.

    Raises:
        InvalidOptionError: It is neither None nor an integer from 0 to 2**63 - 1.
    """
    return None if seed is None else validate_seed(seed, where)
