"""Without Ray: the error names the extra. Runs everywhere, as it hides Ray where it is installed."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["ray"] = None
import godot_marl.errors
try:
    import godot_marl.rllib
except godot_marl.errors.MissingDependencyError as error:
    print(error)
"""


def test_missing_ray_is_an_error_that_names_the_extra() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("godot_marl.rllib needs packages that are not installed.\n")
    assert "what to do: pip install godot-marl[rllib]" in done.stdout
