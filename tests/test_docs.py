"""The code in the documentation runs."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from godot_marl.addon import install_addon

pytestmark = pytest.mark.godot

ROOT = Path(__file__).parents[1]

MAIN_SCENE = """\
[gd_scene format=3]

[ext_resource type="Script" path="res://addons/godot_marl/marl_bridge.gd" id="1"]
[ext_resource type="Script" path="res://walker.gd" id="2"]

[node name="Main" type="Node2D"]

[node name="Walker" type="Node2D" parent="."]
script = ExtResource("2")

[node name="MarlBridge" type="Node" parent="."]
script = ExtResource("1")
step_length = 4
"""


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(code) for _, code in found]


@pytest.fixture
def my_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project that the README's reader would have after steps 1 to 3."""
    game = tmp_path / "my_game"
    game.mkdir()
    (game / "project.godot").write_text('config_version=5\n\n[application]\n\nrun/main_scene="res://main.tscn"\n')
    (game / "main.tscn").write_text(MAIN_SCENE)
    (script,) = blocks("README.md", "gdscript")
    (game / "walker.gd").write_text(script)
    install_addon(game)
    monkeypatch.chdir(tmp_path)
    return game


def test_readme_python_about_cartpole() -> None:
    names: dict[str, object] = {}
    exec(blocks("README.md", "python")[0], names)  # noqa: S102 - our own page
    assert names["rewards"] == {"cart_0": 1.0}


def test_readme_scene_of_your_own(my_game: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(blocks("README.md", "python")[1], {})  # noqa: S102 - our own page
    assert capsys.readouterr().out.split("\n") == ["['walker_0']", "{'walker_0': True}", ""]


def test_cartpole_readme_python() -> None:
    for code in blocks("envs/cartpole/README.md", "python"):
        names: dict[str, object] = {}
        exec(code, names)  # noqa: S102 - our own page
        env = names["env"]
        assert env.possible_agents == ["cart_0"]  # type: ignore[attr-defined]
        env.close()  # type: ignore[attr-defined]


def test_readme_names_every_option() -> None:
    from godot_marl.options import Options

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in Options.__dataclass_fields__ if f"`{name}`" not in text and name != "ssl"]
    assert missing == []
