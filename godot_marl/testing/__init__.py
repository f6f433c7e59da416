"""A conformance suite that authors run on their own scenes.

With pytest:

    from godot_marl.testing import check_scene

    def test_my_scene():
        check_scene("my_game").raise_for_faults()

Without pytest, use `print(check_scene("my_game"))`, or `godot-marl check my_game` on the command line.
"""

from __future__ import annotations

from godot_marl.testing.report import Finding, Level, Report
from godot_marl.testing.suite import PARTS, Suite, check_scene

__all__ = ["PARTS", "Finding", "Level", "Report", "Suite", "check_scene"]
