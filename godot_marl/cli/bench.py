"""`godot-marl bench`: how fast a scene steps in each form of an environment."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from godot_marl.assets import paths
from godot_marl.bench.cases import ARRANGEMENTS, FORMS, OBSERVATIONS, RIVALS, SHIPPED_FORMS, Choice, select_cases
from godot_marl.bench.developer import load_run
from godot_marl.cli.requirements import needs_sb3

if TYPE_CHECKING:
    from godot_marl.bench.cases import Form

_SECONDS = 1.0
_QUICK_SECONDS = 0.25


_Callback: TypeAlias = Callable[[click.Context, click.Parameter, str | None], list[Any] | None]


def _split(values: Sequence[str] | None = None) -> _Callback:
    """Convert an option's comma-separated text to a list of these values, or of whole numbers."""

    def convert(part: str) -> Any:
        if values is not None and part not in values:
            raise click.BadParameter(f"{part!r} is none of {', '.join(values)}")
        if values is None and not (part.isdecimal() and int(part) > 0):
            raise click.BadParameter(f"{part!r} is not a whole number above 0")
        return int(part) if values is None else part

    def callback(_: click.Context, __: click.Parameter, text: str | None) -> list[Any] | None:
        return None if text is None else [convert(part.strip()) for part in text.split(",")]

    return callback


_FORMS = [form for form in FORMS if form != "ceiling"]


@click.command("bench")
@click.argument("game", required=False)
@click.option("--quick", is_flag=True, help="Measure a short selection, in less than a minute.")
@click.option("--scene", help="Scene of GAME to run.  [default: the project's main scene]")
@click.option("--copies", callback=_split(), metavar="1,16,...", help="Arenas of a worker, of GAME.")
@click.option("--agents", callback=_split(), metavar="1,16,...", help="Agents of a worker, of the CartPoles.")
@click.option("--form", callback=_split(_FORMS), metavar="vector,sb3,...", help=f"Of {', '.join(_FORMS)}.")
@click.option(
    "--arrangement",
    callback=_split(ARRANGEMENTS),
    metavar="agents,arenas",
    help="All CartPoles in one arena, or one in each.",
)
@click.option("--observation", callback=_split(OBSERVATIONS), metavar="4,64,image", help="What each CartPole observes.")
@click.option("--workers", callback=_split(), metavar="1,2,...", help="Workers that run at the same time.")
@click.option("--seconds", type=click.FloatRange(0.05), help=f"Of each measurement.  [default: {_SECONDS:g}]")
@click.option("--rounds", type=click.IntRange(1), default=1, show_default=True, help="The median of so many counts.")
@click.option("--speed/--no-speed", default=True, show_default=True, help="Measure the cases, or only what follows.")
@click.option("--learning", is_flag=True, help="Measure how long PPO takes to balance the poles of 16 agents. *")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="How often PPO learns. *")
@click.option("--memory", type=click.IntRange(200), metavar="STEPS", help="Sample the memory in so many steps. *")
@click.option(
    "--soak",
    type=click.FloatRange(0.05),
    metavar="MINUTES",
    help="Instead: step, reset, kill and restart environments for so long, and report what grows. *",
)
@click.option(
    "--godot-rl-addon",
    type=click.Path(path_type=Path),
    help="Measure Godot RL Agents too: the folder of its addon. Needs its Python package. *",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of results.  [default: runs/bench-DATE-TIME]")
@click.option("--engine", help="Godot executable.  [default: found, or installed]")
@click.pass_context
def bench_command(
    context: click.Context,
    game: str | None,
    quick: bool,
    scene: str | None,
    copies: list[int] | None,
    agents: list[int] | None,
    form: list[Form] | None,
    arrangement: list[Any] | None,
    observation: list[Any] | None,
    workers: list[int] | None,
    seconds: float | None,
    rounds: int,
    speed: bool,
    learning: bool,
    seeds: int,
    memory: int | None,
    soak: float | None,
    godot_rl_addon: Path | None,
    out: Path | None,
    engine: str | None,
) -> None:
    """Measure how fast GAME steps, an example such as "cartpole" or the path of a project, with random actions.

    In PettingZoo's form and as VectorEnv with 1, 4 and 16 arenas, or what --form, --copies and --workers choose.
    Prints a table, and writes it as bench.json if --out is given.

    Without GAME: measure a scene of scripted CartPoles, in each form of an environment, with many agents and few, and
    beside each the ceiling: the same scene stepped inside Godot, without Python. With some of --agents, --form,
    --arrangement, --observation and --workers: every combination of what they give. Writes the table as bench.json,
    and bench.png. A full run takes a few minutes.

    The exit status is 1 if something could not be measured.

    The options with a * and the forms ppo, rival and rival-sb3 are for developers of godot-marl, and need a checkout.
    --soak measures no case. Ctrl-C ends it with what it has measured. The exit status is 1 if a game failed that was
    not killed on purpose, or if after the warm-up (a fifth of the time) something grew: handles, processes, threads or
    sockets at all; memory of Python or of the games by more than 16 MiB and 4 MiB for each hour; the time of a step
    to more than twice, from the quickest interval of the first third to that of the last, in eight minutes or more.
    """
    seconds = seconds or (_QUICK_SECONDS if quick else _SECONDS)
    of_developers = {
        "--learning": learning,
        "--memory": memory is not None,
        "--soak": soak is not None,
        "--godot-rl-addon": godot_rl_addon is not None,
        **{f"--form {name}": True for name in form or () if name not in SHIPPED_FORMS},
    }
    features = [name for name, is_wanted in of_developers.items() if is_wanted]
    if game is not None:
        if features or agents or arrangement or observation or not speed:
            raise click.UsageError("GAME goes with --form, --copies, --workers and --scene: leave out the others.")
        from godot_marl.bench.game import GameChoice
        from godot_marl.cli.bench_game import run_game

        own = GameChoice(form, copies, workers)
        done = run_game(game, scene, own, seconds=seconds, rounds=rounds, quick=quick, out=out, engine=engine)
        context.exit(0 if done else 1)
    if scene is not None or copies is not None:
        raise click.UsageError("--scene and --copies go with GAME only.")
    choice = Choice(agents, form, arrangement, observation, workers)
    if soak is not None and (quick or learning or memory or godot_rl_addon or choice != Choice()):
        raise click.UsageError("--soak stands alone: leave out what chooses measurements.")
    developer_run = None
    if features or paths.developer_benchmarks() is not None:
        developer_run = load_run(", ".join(features)).DeveloperRun
    with needs_sb3():
        from godot_marl.cli.bench_run import Request, Run

        available = set(SHIPPED_FORMS)
        if developer_run:
            available |= {"ppo", *(RIVALS if godot_rl_addon else ())}
        measures = speed and soak is None
        cases = select_cases(choice, quick=quick, available=available) if measures else []
        if learning or any(case.form in ("sb3", "ppo") for case in cases):
            # Report that it is missing now, not after minutes.
            importlib.import_module("stable_baselines3")
    request = Request(cases, seconds, rounds, quick, out, engine, learning, seeds, memory, soak, godot_rl_addon)
    run: Run = (developer_run or Run)(request)
    context.exit(0 if run.run() else 1)
