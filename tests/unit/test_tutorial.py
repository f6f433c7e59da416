"""The outputs that are kept in the tutorial, and its links."""

from __future__ import annotations

import json
import re

from notebooks import TUTORIAL, cells, printed


def test_kept_outputs_are_those_of_a_whole_run() -> None:
    assert [cell["execution_count"] for cell in cells(TUTORIAL)] == list(range(1, len(cells(TUTORIAL)) + 1))
    kept = printed(TUTORIAL)
    for method in ("apply_action", "get_observation", "get_reward", "reset", "is_done"):
        assert f"func {method}(" in kept
    assert "likeliest action: return of an episode 250 of 250" in kept
    means = re.findall(r"mean(?: return of 10 episodes)? (\d+\.\d)", kept)
    assert len(means) == 3
    assert all(240 <= float(mean) <= 250 for mean in means)
    pictures = [
        output for cell in cells(TUTORIAL) for output in cell["outputs"] if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 6


def test_kept_outputs_hold_nothing_of_the_machine_they_come_from() -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    assert len(text) < 2_000_000
    notebook = json.loads(text)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    words = printed(TUTORIAL) + "".join("".join(cell["source"]) for cell in notebook["cells"])
    assert not re.search(r"(?<![\w.])/(work|tmp|root|home|usr)\b", words)


def test_links_and_pictures_of_the_tutorial_exist() -> None:
    text = "".join("".join(cell["source"]) for cell in cells(TUTORIAL, "markdown"))
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert "pictures/editor.png" in targets
    assert [target for target in targets if not (TUTORIAL.parent / target).exists()] == []
