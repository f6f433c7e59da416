"""The code in the documentation runs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from by_hand import free_port
from pages import ROOT, blocks, table_rows
from pyvirtualdisplay.display import Display

from godot_marl.assets.install import install_addon
from godot_marl.assets.paths import example_names
from godot_marl.engine import Engine
from godot_marl.game.project import Project

pytestmark = pytest.mark.godot

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


@pytest.mark.parametrize("name", example_names())
def test_python_of_a_scene_readme_makes_the_agents_that_it_names(name: str) -> None:
    page = f"envs/{name}/README.md"
    text = (ROOT / page).read_text(encoding="utf-8")
    (agents,) = re.findall(r"`agents = (\[.+\])`", text)
    pieces = blocks(page, "python")
    assert pieces
    for code in pieces:
        names: dict[str, Any] = {}
        exec(code, names)  # noqa: S102 - our own page
        with contextlib.closing(names["env"]) as env:
            several = "several_carts" in code
            rows = table_rows(page, "| Agent | Cart | Track |") if several else []
            assert env.possible_agents == ([row[0].strip("`") for row in rows] or json.loads(agents))
            env.reset(seed=1)
            assert env.agents == env.possible_agents


@pytest.mark.parametrize("number", [0, 1])
def test_fast_training_python(number: int) -> None:
    names: dict[str, Any] = {}
    exec(blocks("docs/speed.md", "python")[number], names)  # noqa: S102 - our own page
    assert names["env"].num_envs == 4
    assert number == 0 or names["model"].num_timesteps == 256


def test_remote_page_from_the_certificate_to_a_game_that_plays(
    engine: Engine, my_game: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both machines are this one, so its address stands in for the page's."""
    port = str(free_port())

    def here(code: str) -> str:
        assert "192.0.2.10" in code or "8000" not in code or "0.0.0.0" in code  # noqa: S104 - the page's own word
        return (
            code.replace("192.0.2.10", "127.0.0.1").replace("8000", port).replace("python -c", f"{sys.executable} -c")
        )

    *preparations, start = blocks("docs/remote.md", "bash")
    Project(my_game).imported(engine)
    (tools := my_game.parent / "tools").mkdir()
    (tools / "godot").symlink_to(engine.path)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    for code in preparations:
        subprocess.run(["bash", "-ec", here(code)], check=True, capture_output=True)
    names: dict[str, Any] = {}
    with subprocess.Popen(["bash", "-ec", here(start)], stdout=subprocess.DEVNULL) as game:
        try:
            exec(here(blocks("docs/remote.md", "python")[0]), names)  # noqa: S102 - our own page
            assert list(names["observations"]) == ["walker_0"]
            names["env"].close()
            assert game.wait(20) == 0
        finally:
            game.kill()


# -- docs/scenes.md: the page is followed from top to bottom, as a reader would ----------------------------------------

GUIDE = "docs/scenes.md"
# What comes before a block says which files it makes, or is added to.
BLOCK = re.compile(r"(?:^(Add to )?\*\*([^\n]+)\*\*\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Followed:
    """What a reader has after the guide: the project, and what each piece of Python printed, beside the page's word."""

    game: Path
    printed: list[str] = field(default_factory=list)
    promised: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """Write each file of the guide and run each piece of Python, in the order of the page."""
    game = tmp_path_factory.mktemp("guide") / "meadow"
    game.mkdir()
    (game / "project.godot").write_text(
        'config_version=5\n\n[application]\n\nrun/main_scene="res://meadow.tscn"\n\n'
        "[debug]\n\ngdscript/warnings/untyped_declaration=2\n"
    )
    install_addon(game)
    followed = Followed(game)
    with pytest.MonkeyPatch.context() as patch, Display(use_xauth=False, manage_global_env=False) as display:
        # One piece opens a window.
        patch.setenv("DISPLAY", display.new_display_var)
        follow(followed)
    return followed


def follow(followed: Followed) -> None:
    game = followed.game
    names: dict[str, object] = {}
    for match in BLOCK.finditer((ROOT / GUIDE).read_text(encoding="utf-8")):
        added, files, language, code = match.groups()
        if language == "python":
            with contextlib.chdir(game.parent), contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(code, GUIDE, "exec"), names)  # noqa: S102 - our own page
            followed.printed.append(out.getvalue())
        elif language == "text":
            followed.promised.append(code)
        else:
            for name in files.split("** and **"):
                path = game / name
                assert path.exists() == bool(added), name
                path.write_text(f"{path.read_text()}\n\n{code}" if added else code)


# The first of these tests follows the whole guide.
@pytest.mark.timeout(300)
def test_guide_from_an_empty_scene_to_the_end(guide: Followed) -> None:
    assert guide.printed == guide.promised


# The first of these tests follows the whole guide.
@pytest.mark.timeout(300)
def test_scene_of_the_guide_is_a_normal_game_without_its_bridge(engine: Engine, guide: Followed) -> None:
    scene = (guide.game / "meadow.tscn").read_text()
    (guide.game / "played.tscn").write_text(scene.replace("step_length = 6", "enabled = false"))
    done = subprocess.run(
        [engine.path, "--headless", "--path", guide.game, "--quit-after", "30", "played.tscn"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
        check=True,
    )
    assert not re.search("error|warning|godot-marl", done.stdout, re.IGNORECASE), done.stdout


# The first of these tests follows the whole guide.
@pytest.mark.timeout(300)
def test_scripts_of_the_guide_are_formatted(guide: Followed) -> None:
    scripts = [str(path) for path in guide.game.glob("*.gd")]
    assert len(scripts) == 8
    for tool in (["gdformat", "--check"], ["gdlint"]):
        done = subprocess.run([Path(sys.executable).with_name(tool[0]), *tool[1:], *scripts], capture_output=True)
        assert done.returncode == 0, done.stderr
