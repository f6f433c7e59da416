"""Loads what only developers of godot-marl measure, from `benchmarks/` of a checkout: the wheel does not ship it."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from godot_marl.assets import paths
from godot_marl.errors import MissingDependencyError

WHERE = "benchmarks/godot_marl_benchmarks in the repository of godot-marl"
REMEDY = "Clone the repository, run pip install -e '.[dev]' in it, and run the command there."


def load_run(feature: str) -> ModuleType:
    """The checkout's module `godot_marl_benchmarks.run`.

    Args:
        feature: What needs it, for the error.

    Raises:
        MissingDependencyError: This is not a checkout, or a package that the module needs is not installed.
    """
    folder = paths.developer_benchmarks()
    if folder is None:
        raise MissingDependencyError(
            f"{feature}: only a checkout of godot-marl can measure this.",
            where=WHERE,
            expected="a checkout of godot-marl",
            got="an installed wheel",
            remedy=REMEDY,
        )
    if str(folder) not in sys.path:
        # Last, so that no script in this folder hides an installed package.
        sys.path.append(str(folder))
    try:
        return importlib.import_module("godot_marl_benchmarks.run")
    except ImportError as error:
        raise MissingDependencyError.of_extra("In a checkout this command", "dev", error) from error
