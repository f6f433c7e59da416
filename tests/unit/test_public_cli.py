"""The command line: commands, their arguments and flags with the defaults, exit statuses, and what `doctor` prints.

What is written down here has to stay; adding a command, a flag or a value is allowed.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import godot_marl
from godot_marl.cli import main

# The arguments of each command; in brackets those that may be left out.
ARGUMENTS = {
    "addon install": "PROJECT_FOLDER",
    "addon path": "",
    "bench": "",
    "check": "GAME",
    "doctor": "[GAME]",
    "engine install": "",
    "engine path": "",
    "evaluate": "RUN",
    "migrate": "PROJECT",
    "play": "GAME [RUN]",
    "train": "GAME",
}
# Each flag with what the command gets if it is not given; a flag that takes a value ends with =. One that may be given
# several times has a tuple.
FLAGS: dict[str, dict[str, Any]] = {
    "addon install": {},
    "addon path": {},
    "bench": {
        "--quick": False,
        "--agents=": None,
        "--form=": None,
        "--arrangement=": None,
        "--observation=": None,
        "--workers=": None,
        "--seconds=": None,
        "--rounds=": 1,
        "--speed": True,
        "--no-speed": True,
        "--learning": False,
        "--seeds=": 3,
        "--memory=": None,
        "--soak=": None,
        "--godot-rl-addon=": None,
        "--out=": None,
        "--engine=": None,
    },
    "check": {"--steps=": 200, "--seed=": 0, "--skip=": (), "--scene=": None, "--engine=": None},
    "doctor": {"--scene=": None, "--engine=": None, "--no-render": False, "--json": False},
    "engine install": {"--force": False, "--provider=": "auto", "--version=": None},
    "engine path": {},
    "evaluate": {"--episodes=": 200, "--seed=": 1_000_000, "--best-of=": None, "--engine=": None},
    "migrate": {"--to=": None, "--report-only": False, "--engine=": None},
    "play": {
        "--human=": (),
        "--episodes=": 1,
        "--seed=": 0,
        "--render=": "human",
        "--scene=": None,
        "--engine=": None,
    },
    "train": {
        "--steps=": None,
        "--seed=": None,
        "--out=": None,
        "--resume=": None,
        "--processes=": None,
        "--restart-workers": True,
        "--no-restart-workers": True,
        "--settings=": None,
        "--episodes=": 50,
        "--video": True,
        "--no-video": True,
        "--scene=": None,
        "--engine=": None,
    },
}
# Lines that are understood, with a value for each flag that takes one.
LINES = [
    "addon install game",
    "addon path",
    "bench --quick --agents 1,16 --form vector,sb3 --arrangement agents,arenas --observation 4,64,image --workers 1,2",
    "bench --form parallel,gymnasium,ppo,rival,rival-sb3",
    "bench --seconds 0.5 --rounds 3 --no-speed --learning --seeds 2 --memory 200 --godot-rl-addon folder",
    "bench --soak 0.5 --out folder --engine godot",
    "check cartpole --steps 5 --seed 3 --scene main.tscn --engine godot",
    "check cartpole --skip pettingzoo --skip repeats --skip copies",
    "doctor",
    "doctor game --scene main.tscn --engine godot --no-render --json",
    "engine install --force --provider official --version 4.6.3",
    "engine install --provider debian",
    "engine path",
    "evaluate run --episodes 2 --seed 3 --best-of 5 --engine godot",
    "migrate project --to folder --report-only --engine godot",
    "play tag run --human runner_0 --human chaser_0 --episodes 2 --seed 3 --scene main.tscn --engine godot",
    "play tag --render video",
    "play tag --render none",
    "train tag --steps 5 --seed 3 --out folder --processes 2 --no-restart-workers --settings train.toml",
    "train tag --resume folder --episodes 2 --no-video --scene main.tscn --engine godot",
]
PARTS_OF_DOCTOR = ["start", "connect", "step", "render"]
CHECKS_OF_DOCTOR = [
    "python",
    "packages",
    "extra sb3",
    "extra render",
    "extra supersuit",
    "extra rllib",
    "engine",
    "cache",
    "socket",
    "machine",
    "display",
    *PARTS_OF_DOCTOR,
]


def find(path: str) -> click.Command:
    """The command of this name."""
    command: click.Command = main
    for name in path.split():
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


def arguments_of(command: click.Command) -> list[click.Argument]:
    return [parameter for parameter in command.params if isinstance(parameter, click.Argument)]


def context_of(command: click.Command, words: list[str]) -> click.Context:
    """What click makes of the words after a command; nothing is executed."""
    # With the group above it, as click keeps for the process what a command's flags for help are.
    parent = None if command is main else click.Context(main, **main.context_settings)
    return command.make_context("godot-marl", words, parent)


def flags_of(command: click.Command) -> dict[str, Any]:
    """The flags of a command with what it gets without them."""
    defaults = context_of(command, ["x" for argument in arguments_of(command) if argument.required]).params
    return {
        flag if option.is_flag else f"{flag}=": defaults[str(option.name)]
        for option in command.params
        if isinstance(option, click.Option)
        for flag in (*option.opts, *option.secondary_opts)
    }


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def run_in_process(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "godot_marl", *map(str, arguments)],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("path", ARGUMENTS)
def test_every_command_is_there_with_its_arguments(path: str) -> None:
    optional = [word.startswith("[") for word in ARGUMENTS[path].split()]
    arguments = arguments_of(find(path))
    assert [not argument.required for argument in arguments][: len(optional)] == optional
    assert not any(argument.required for argument in arguments[len(optional) :])
    assert all(argument.nargs == 1 for argument in arguments)


@pytest.mark.parametrize("path", FLAGS)
def test_every_flag_is_there_with_its_default(path: str) -> None:
    now = flags_of(find(path))
    assert {flag: now.get(flag, "gone") for flag in FLAGS[path]} == FLAGS[path]
    assert not any(parameter.required for parameter in find(path).params if isinstance(parameter, click.Option))


@pytest.mark.parametrize("line", LINES)
def test_every_line_is_understood(line: str) -> None:
    words = shlex.split(line)
    # As the group does, which hands the rest of the line on.
    path = max((path for path in ARGUMENTS if f"{line} ".startswith(f"{path} ")), key=len)
    context_of(find(path), words[len(path.split()) :])


def test_the_lines_have_every_flag() -> None:
    assert set(ARGUMENTS) == set(FLAGS)
    for path, flags in FLAGS.items():
        words = {word for line in LINES if f"{line} ".startswith(f"{path} ") for word in shlex.split(line)}
        missing = {flag.rstrip("=") for flag in flags} - words
        # These say what is the default anyway.
        assert missing <= {"--speed", "--restart-workers", "--video"}, path


def test_doctor_without_a_game_takes_cartpole() -> None:
    assert context_of(find("doctor"), []).params["game"] == "cartpole"


@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_verbose_comes_before_the_command(flag: str) -> None:
    assert context_of(main, [flag, "engine", "path"]).params["verbose"] is True
    assert context_of(main, ["engine", "path"]).params["verbose"] is False


# -- Exit statuses: 0, 1 where something is wrong, 2 where the line cannot be understood -------------------------------


def exits_with(status: int, *arguments: str | Path) -> str:
    """Run a command; it ends by itself with this status, and returns what it printed."""
    result = run(*arguments)
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("path", ["", "addon", "engine", *ARGUMENTS])
def test_help_exits_with_0(path: str, flag: str) -> None:
    assert exits_with(0, *path.split(), flag).startswith("Usage: ")


def test_version_exits_with_0() -> None:
    assert exits_with(0, "--version") == f"godot-marl, version {godot_marl.__version__}\n"


def test_addon_path_prints_the_folder_of_the_addon() -> None:
    folder = Path(exits_with(0, "addon", "path").removesuffix("\n"))
    assert (folder / "plugin.cfg").is_file()


@pytest.mark.parametrize(
    "line",
    [
        "--no-such-flag",
        "no-such-command",
        "addon no-such-command",
        "check",
        "check cartpole --no-such-flag",
        "check cartpole tag",
        "check cartpole --steps 0",
        "check cartpole --skip nothing",
        "bench --form nothing",
        "bench --soak 1 --quick",
        "doctor --seed 1",
        "engine install --provider nothing",
        "evaluate run --episodes 1",
        "play cartpole --render nothing",
        "play cartpole --human cart_0 --render none",
        "train",
        "train cartpole --processes 0",
        "train cartpole --resume folder --out folder",
    ],
)
def test_a_line_that_cannot_be_understood_exits_with_2(line: str) -> None:
    assert "Usage: " in exits_with(2, *shlex.split(line))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("addon install {nowhere}", "GameNotFoundError: "),
        ("check {nowhere}", "GameNotFoundError: "),
        ("check {here} --engine {nowhere}", "EngineNotFoundError: "),
        ("play {nowhere}", "GameNotFoundError: "),
        ("train {nowhere}", "GameNotFoundError: "),
        ("evaluate {nowhere}", "InvalidOptionError: "),
        ("migrate {here} --engine {nowhere}", "EngineNotFoundError: "),
        ("bench --engine {nowhere}", "EngineNotFoundError: "),
    ],
)
def test_a_fault_exits_with_1_and_is_named(line: str, error: str, tmp_path: Path) -> None:
    places = {"nowhere": tmp_path / "nowhere", "here": tmp_path}
    output = exits_with(1, *(word.format(**places) for word in line.split()))
    assert any(text.startswith(error) for text in output.splitlines()), output


def test_a_fault_goes_to_standard_error_and_has_a_traceback_if_wished(tmp_path: Path) -> None:
    """Of the module, which is the command; GODOT_MARL_ENGINE says where the engine is."""
    environment = {"GODOT_MARL_ENGINE": str(tmp_path / "nowhere")}
    short, long = (run_in_process(*flags, "engine", "path", **environment) for flags in ([], ["-v"]))
    assert (short.returncode, short.stdout) == (long.returncode, long.stdout) == (1, "")
    assert short.stderr.startswith("EngineNotFoundError: ")
    assert environment["GODOT_MARL_ENGINE"] in short.stderr
    assert long.stderr.startswith("Traceback ")


def test_what_doctor_prints_for_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an engine, which shows all checks; GODOT_MARL_CACHE says where the cache is."""
    monkeypatch.setenv("GODOT_MARL_CACHE", str(tmp_path / "cache"))
    result = run("doctor", "--engine", tmp_path / "nowhere", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert set(report) >= {"ok", "checks"}
    assert report["ok"] is False
    checks = {check["name"]: check for check in report["checks"]}
    assert [name for name in checks if name in CHECKS_OF_DOCTOR] == CHECKS_OF_DOCTOR
    for check in checks.values():
        assert set(check) >= {"name", "state", "found", "remedy"}
        assert check["state"] in ("ok", "missing", "failed", "skipped")
        assert isinstance(check["found"], str)
        assert isinstance(check["remedy"], str | None)
    assert checks["engine"]["state"] == "failed"
    assert checks["python"]["state"] == checks["packages"]["state"] == "ok"
    assert [checks[part]["state"] for part in PARTS_OF_DOCTOR] == ["skipped"] * 4
    assert checks["cache"]["found"].startswith(str(tmp_path / "cache"))
