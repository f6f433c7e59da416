"""Stored models name no module of this package, and names of policies no file elsewhere."""

from __future__ import annotations

import pytest
from gymnasium import spaces
from pages import ROOT
from sessions import described
from stored_models import pickles

OLD_RUNS = ROOT / "tests" / "compatibility" / "run-0.1.0"


@pytest.mark.parametrize("game", ["cartpole", "connect_four"])
def test_old_models_name_no_module_of_this_package(game: str) -> None:
    models = sorted((OLD_RUNS / game).rglob("*.zip"))
    assert len(models) >= 2
    for model in models:
        assert b"gymnasium.spaces" in pickles(model)
        assert b"godot_marl" not in pickles(model)


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "..", "a/b", "a\\b", "a\nb", "a\0b", "", ".hidden", "C:", "x" * 101, "end."]
)
def test_the_scene_chooses_no_file_by_the_name_of_a_policy(name: str) -> None:
    from godot_marl.errors import SceneError
    from godot_marl.training.models import representatives

    session = described(policy=name)
    assert session.scene is not None
    with pytest.raises(SceneError, match="cannot be a file's name") as error:
        representatives(session.scene)
    assert error.value.got == repr(name)


@pytest.mark.parametrize("name", ["default", "red_team", "goalkeeper-2", "Läufer 1.5", "x"])
def test_an_ordinary_name_of_a_policy_is_one_of_a_file(name: str) -> None:
    from godot_marl.training.models import representatives

    session = described(policy=name)
    assert session.scene is not None
    assert isinstance(representatives(session.scene)[name].action_space, spaces.Discrete)
