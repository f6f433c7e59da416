"""Says what to install when a command needs an extra."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from godot_marl.errors import MissingDependencyError


@contextlib.contextmanager
def needs_sb3() -> Iterator[None]:
    """Turn a failed import into an error that names the extra.

    Raises:
        MissingDependencyError: A package of the extra is missing.
    """
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            "This command needs packages that are not installed.",
            where=f"the Python package {error.name}",
            expected="the extra sb3",
            got=str(error),
            remedy="pip install godot-marl[sb3]",
        ) from error
