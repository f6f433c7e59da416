"""Reports which extra to install where a command needs one."""

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
        raise MissingDependencyError.of_extra("This command", "sb3", error) from error
