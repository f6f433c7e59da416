"""`godot-marl bench`: how fast each form of an environment is, and how close to the engine."""

from __future__ import annotations

import datetime
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from godot_marl.bench.cases import (
    ARRANGEMENTS,
    FORMS,
    OBSERVATIONS,
    Choice,
    select_cases,
)
from godot_marl.cli.engine import ProgressBars
from godot_marl.cli.extras import needs_sb3
from godot_marl.engine import ensure_engine

if TYPE_CHECKING:
    from godot_marl.bench.bench import Bench
    from godot_marl.bench.cases import Case, Form
    from godot_marl.bench.figures import Measurements
    from godot_marl.bench.goals import Learning
    from godot_marl.bench.memory import MemoryCurve
    from godot_marl.bench.soak_curve import SoakCurve

_SECONDS = 1.0
_QUICK_SECONDS = 0.25


_Callback: TypeAlias = Callable[[click.Context, click.Parameter, str | None], list[Any] | None]


def _split(values: Sequence[str] | None = None) -> _Callback:
    """Turn an option's text into the list of what stands between its commas: these values, or whole numbers."""

    def convert(part: str) -> Any:
        if values is not None and part not in values:
            raise click.BadParameter(f"{part!r} is none of {', '.join(values)}")
        if values is None and not (part.isdecimal() and int(part) > 0):
            raise click.BadParameter(f"{part!r} is no whole number above 0")
        return int(part) if values is None else part

    def callback(_: click.Context, __: click.Parameter, text: str | None) -> list[Any] | None:
        return None if text is None else [convert(part.strip()) for part in text.split(",")]

    return callback


_FORMS = [form for form in FORMS if form != "ceiling"]


@click.command("bench")
@click.option("--quick", is_flag=True, help="Measure a short selection, in less than a minute.")
@click.option("--agents", callback=_split(), metavar="1,16,...", help="Agents of a worker.")
@click.option("--form", callback=_split(_FORMS), metavar="vector,sb3,...", help=f"Of {', '.join(_FORMS)}.")
@click.option(
    "--arrangement", callback=_split(ARRANGEMENTS), metavar="agents,arenas", help="One arena, or one for each."
)
@click.option("--observation", callback=_split(OBSERVATIONS), metavar="4,64,image", help="What an agent sees.")
@click.option("--workers", callback=_split(), metavar="1,2,...", help="Games that run at a time.")
@click.option("--seconds", type=click.FloatRange(0.05), help=f"Of each measurement.  [default: {_SECONDS:g}]")
@click.option("--rounds", type=click.IntRange(1), default=1, show_default=True, help="Of which the median counts.")
@click.option("--speed/--no-speed", default=True, show_default=True, help="Measure the cases, or only what follows.")
@click.option("--learning", is_flag=True, help="Measure how long PPO takes to balance the poles of 16 agents.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="How often PPO learns.")
@click.option("--memory", type=click.IntRange(200), metavar="STEPS", help="Watch the memory of so many steps.")
@click.option(
    "--soak",
    type=click.FloatRange(0.05),
    metavar="MINUTES",
    help="Instead: step, reset, kill and make environments again for so long, and tell what grows.",
)
@click.option(
    "--godot-rl-addon",
    type=click.Path(path_type=Path),
    help="Measure Godot RL Agents too: the folder of its addon. Needs its Python package.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of results.  [default: runs/bench-DATE-TIME]")
@click.option("--engine", help="Godot executable.  [default: found, or installed]")
@click.pass_context
def bench_command(
    context: click.Context,
    quick: bool,
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
    """Measure how fast a scene of scripted CartPoles steps.

    In each form of an environment, with many agents and few, and beside each the ceiling: the same scene driven inside
    Godot, with no Python at all. Without options that choose, a few minutes. With some of --agents, --form,
    --arrangement, --observation and --workers, all that can be made of what they give.

    Writes the table as bench.json, and bench.png. The exit status is 1 if something could not be measured.

    --soak measures no case. Ctrl-C ends it with what it has seen. The exit status is 1 if a game failed that was not
    killed on purpose, or if after the warm-up (a fifth of the time) something grew: handles, processes, threads or
    sockets at all; memory of Python or of the games by more than 16 MiB and 4 MiB for each hour; the time of a step
    to more than twice, from the quickest interval of the first third to that of the last, in eight minutes or more.
    """
    choice = Choice(agents, form, arrangement, observation, workers)
    if soak is not None and (quick or learning or memory or godot_rl_addon or choice != Choice()):
        raise click.UsageError("--soak stands alone: leave out what chooses measurements.")
    speed = speed and soak is None
    cases = select_cases(choice, quick=quick, rival=godot_rl_addon is not None) if speed else []
    with needs_sb3():
        from godot_marl.bench.bench import Bench
        from godot_marl.bench.pictures import draw_learning, draw_memory, draw_soak, draw_speed
        from godot_marl.bench.results import Results, load_average
        from godot_marl.bench.rival import Rival
        from godot_marl.cli.bench_tables import print_results

        if learning or any(case.form in ("sb3", "ppo") for case in cases):
            # Missing it is to be told now, not after minutes.
            importlib.import_module("stable_baselines3")
    rival = Rival(godot_rl_addon) if godot_rl_addon else None
    with ProgressBars() as bars:
        found = ensure_engine(engine, report=bars.report)
    settings = {"seconds": seconds or (_QUICK_SECONDS if quick else _SECONDS), "rounds": rounds, "quick": quick}
    results = Results(found.version, settings, load_average())
    if results.is_disturbed:
        click.echo("Other programs are busy on this machine: figures will vary.", err=True)
    folder = out or Path("runs") / f"bench-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    files = {"figures": folder / "bench.json"}
    bench = Bench(found, rival)
    if cases:
        results.measurements = _measure(bench, cases, settings["seconds"], rounds)
        files["picture"] = draw_speed(results, folder / "bench.png")
    if learning:
        results.learning = _learn(bench, seeds)
        files["learning"] = draw_learning(results, folder / "learning.png")
    if memory:
        results.memory = _watch_memory(bench, memory)
        files["memory"] = draw_memory(results.memory, folder / "memory.png")
    if soak is not None:
        results.soak = _soak(bench, soak)
        files["soak"] = draw_soak(results.soak, folder / "soak.png")
    results.save(files["figures"])
    print_results(results)
    for failure in results.failures:
        click.echo(f"\nnot measured: {failure}", err=True)
    for fault in results.soak.faults if results.soak else ():
        click.echo(f"\nthe soak found: {fault}", err=True)
    for name, path in files.items():
        click.echo(f"{name}: {path}")
    context.exit(1 if results.failures or (results.soak and results.soak.faults) else 0)


def _soak(bench: Bench, minutes: float) -> SoakCurve:
    from godot_marl.cli.progress import progress_bar

    with progress_bar("seconds") as bar:
        task = bar.add_task("soaking", total=round(minutes * 60), note="")
        return bench.soak(minutes, lambda seconds: bar.update(task, completed=round(seconds)))


def _measure(bench: Bench, cases: list[Case], seconds: float, rounds: int) -> Measurements:
    from godot_marl.cli.progress import progress_bar

    with progress_bar("measurements") as bar:
        task = bar.add_task("measuring", total=len(cases) * rounds, note="")

        def begin(case: Case, done: int) -> None:
            bar.update(task, completed=done, note=str(case))

        measurements = bench.measure(cases, seconds=seconds, rounds=rounds, begin=begin)
        bar.update(task, completed=len(cases) * rounds, note="")
    return measurements


def _learn(bench: Bench, seeds: int) -> Learning:
    click.echo("learning ...", err=True)
    return bench.learn(range(seeds), lambda form, seed: click.echo(f"  {form}, seed {seed}", err=True))


def _watch_memory(bench: Bench, steps: int) -> MemoryCurve:
    from godot_marl.cli.progress import progress_bar

    with progress_bar("steps") as bar:
        task = bar.add_task("watching memory", total=steps, note="")
        return bench.watch_memory(steps, lambda done: bar.update(task, completed=done))
