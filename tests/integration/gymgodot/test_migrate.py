"""`godot-marl migrate` on the real engines: the Godot 3 project of these tests, without edits by hand."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from click.testing import CliRunner, Result
from godot3 import GOOD_RETURN, PROJECT, SPACES, MakeServer, trained_return
from pages import blocks

import godot_marl
from godot_marl.cli import main

pytestmark = pytest.mark.godot


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@dataclass
class Migrated:
    """What came out."""

    source: Path
    folder: Path
    result: Result

    def env(self, scene: str) -> gymnasium.Env[Any, Any]:
        return gymnasium.make(f"{godot_marl.__name__}/Godot-v0", game=self.folder, scene=f"{scene}/{scene}.tscn")


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    source = tmp_path_factory.mktemp("migration") / "my_game"
    shutil.copytree(PROJECT, source)
    return Migrated(source, source.with_name("my_game-godot4"), run("migrate", source))


def test_the_migration_leaves_no_manual_work(migrated: Migrated) -> None:
    assert migrated.result.exit_code == 0, migrated.result.output
    assert "0 left to be done by hand" in migrated.result.output
    assert contents(migrated.source) == contents(PROJECT)


def test_the_report_names_each_change_its_line_and_its_reason(migrated: Migrated) -> None:
    report = (migrated.folder / "MIGRATION.txt").read_text()
    assert report.rstrip() in migrated.result.output
    files = {part.partition("\n")[0]: part.splitlines()[1:] for part in report.split("\n\n")}
    assert {"point/point.gd", "point/point.tscn", "project.godot", "bridge/GymGodot.gd"} <= set(files)
    for file, line in (
        ("point/point.tscn", "  line 11   done        the node GymGodot becomes a MarlBridge with step_length = 3  "
         "(it finds its agents by their five methods, and pauses nothing)"),
        ("point/point.gd", "  line 18   done        onready var mover = $Mover  ->  @onready var mover = $Mover  "
         "(Godot 4 writes this as an annotation)"),
        ("point/point.gd", "  all       look at it  get_action_space() is new: MarlSpace.discrete(2)  "
         "(from what apply_action() does with it)"),
        ("puck/puck.gd", "  all       done        get_action_space() is new: MarlSpace.box([-1.0], [1.0])  "
         "(from puck/learn.py)"),
        ("bridge/GymGodot.gd", "  all       done        is not in the copy  "
         "(the bridge replaces GymGodot's node)"),
    ):  # fmt: skip
        assert line in files[file], files[file]
    # Each line is that of the Godot 3 file.
    lines = (PROJECT / "point" / "point.gd").read_text().splitlines()
    assert lines[17] == "onready var mover = $Mover"


def test_the_bridge_is_where_gymgodots_node_was(migrated: Migrated) -> None:
    assert not (migrated.folder / "bridge").exists()
    assert (migrated.folder / "addons" / "godot_marl" / "marl_bridge.gd").is_file()
    scene = (migrated.folder / "point" / "point.tscn").read_text()
    assert '[node name="MarlBridge" type="Node" parent="."]' in scene
    assert "GymGodot" not in scene


def test_the_copy_passes_check(migrated: Migrated) -> None:
    result = run("check", migrated.folder, "--steps", "40")
    assert result.exit_code == 0, result.output
    assert "passed: no faults, no warnings" in result.output


def test_both_engines_give_the_same_numbers(migrated: Migrated, server: MakeServer) -> None:
    before, after = server("point"), migrated.env("point")
    actions = np.random.default_rng(1).integers(2, size=80).tolist()
    try:
        for _ in range(2):
            np.testing.assert_allclose(before.reset()[0], after.reset()[0], atol=1e-6)
            for action in actions:
                old, new = before.step(action), after.step(action)
                np.testing.assert_allclose(old[0], new[0], atol=1e-6)
                assert old[1] == pytest.approx(new[1], abs=1e-6)
                assert old[2:4] == new[2:4]
                if old[2]:
                    break
            else:
                pytest.fail("no episode ended")
    finally:
        after.close()


def test_the_guide_from_gymgodot(migrated: Migrated, monkeypatch: pytest.MonkeyPatch) -> None:
    page = "docs/from-gymgodot.md"
    (commands,) = blocks(page, "console")
    assert commands.splitlines()[:2] == ["$ godot-marl migrate my_game", "$ godot-marl check my_game-godot4"]
    monkeypatch.chdir(migrated.folder.parent)
    before, after = blocks(page, "python")
    assert 'serverPort="8000"' in before
    rows = []
    # The port of the page may be taken on this machine.
    for code in (before.replace('"8000"', "0"), after):
        names: dict[str, Any] = {}
        exec(code, names)  # noqa: S102 - our own page
        rows.append([*names["observation"].tolist(), names["reward"], names["terminated"], names["truncated"]])
    assert rows[0] == pytest.approx([-0.54, -1, 1 / 32, 0, 0.46, False, False])
    assert rows[1] == pytest.approx(rows[0], abs=1e-6)


@pytest.mark.parametrize("scene", ["puck", "pole"])
def test_bodies_behave_alike(migrated: Migrated, server: MakeServer, scene: str) -> None:
    before, after = server(scene), migrated.env(scene)
    action = SPACES[scene]["action_space"].sample() * 0 + (0 if scene == "pole" else 0.5)
    try:
        before.reset()
        after.reset()
        olds = [before.step(action)[0] for _ in range(7)]
        news = [after.step(action)[0] for _ in range(6)]
    finally:
        after.close()
    # What a body did in a frame is read one frame earlier here, so each row lies between two of Godot 3's.
    for i, new in enumerate(news):
        low, high = sorted([np.abs(olds[i]), np.abs(olds[i + 1])], key=lambda row: float(row[0]))
        assert (np.abs(new) >= low - 0.02).all()
        assert (np.abs(new) <= high + 0.02).all()


@pytest.mark.usefixtures("one_thread")
def test_the_copy_trains(migrated: Migrated) -> None:
    env = migrated.env("point")
    try:
        assert trained_return(env) > GOOD_RETURN
    finally:
        env.close()


def test_the_report_lists_manual_work_and_report_only_leaves_no_copy(tmp_path: Path) -> None:
    game = tmp_path / "game"
    shutil.copytree(PROJECT, game)
    shutil.rmtree(game / "puck")
    shutil.rmtree(game / "faulty")
    script = game / "point" / "point.gd"
    text = script.read_text()
    script.write_text(
        text.replace("func is_done() -> bool:", "func is_finished() -> bool:")
        .replace("	if action[0] == 0:", "	if choose(action) == 0:")
        .replace(
            "	reset()\n",
            '	var file = File.new()\n	randomize()\n	reset()\n	file.open("user://x", File.READ)\n',
            1,
        )
    )
    scene = game / "point" / "point.tscn"
    scene.write_text(
        scene.read_text().replace('"KinematicBody2D" parent="Game"]\n', '"KinematicBody2D" parent="Game"]\nhaste = 2\n')
    )
    result = run("migrate", game, "--report-only")
    assert result.exit_code == 1, result.output
    lines = result.output.splitlines()
    for part in (
        "  all       by hand     lacks is_done  (an agent has all five methods)",
        "  all       by hand     no action space was found  (",
        "  line 22   look at it  unknown property CharacterBody2D.haste  (Godot 4 ignores it)",
        "  line 24   look at it  randomize()  (copies in one process share these random numbers",
        "  line 23   look at it  var file = File.new()  (Godot 4 has FileAccess and DirAccess",
        '  line 23   by hand     Identifier "File" not declared in the current scope.  (Godot 4 reports',
    ):
        assert any(line.startswith(part) for line in lines), (part, result.output)
    assert [path.name for path in tmp_path.iterdir()] == ["game"]


def test_a_folder_that_exists_is_refused(tmp_path: Path) -> None:
    result = run("migrate", PROJECT, "--to", tmp_path)
    assert result.exit_code == 1
    assert "The folder of the copy exists already." in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_project_of_godot_4_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project.godot").write_text("config_version=5\n")
    result = run("migrate", tmp_path)
    assert result.exit_code == 1
    assert "got: config_version=5" in result.output


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    result = run("migrate", tmp_path / "none")
    assert result.exit_code == 1
    assert "got: no such folder" in result.output
