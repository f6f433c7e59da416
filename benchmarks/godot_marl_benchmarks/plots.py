"""The pictures of a run."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from godot_marl.bench.cases import LABELS, Arrangement, Form
from godot_marl.bench.memory import MemoryCurve
from godot_marl.bench.results import Results
from godot_marl.bench.soak_curve import WARM_UP, SoakCurve

_COLORS: dict[Form, str] = {
    "ceiling": "#444444",
    "parallel": "#478cbf",
    "gymnasium": "#6a8f4f",
    "vector": "#2b406a",
    "sb3": "#dba33a",
    "rival": "#f26645",
    "rival-sb3": "#e59a86",
}
_WINDOW = 20
_STYLES: dict[Arrangement, str] = {"agents": "o-", "arenas": "s--"}


def draw_speed(results: Results, path: Path) -> Path:
    """Draw agent-steps a second, and their share of the ceiling, against the number of agents.

    With one worker and 4 numbers for each agent: what else was measured is in the table.
    """
    figure = Figure(figsize=(12, 5), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    rates: dict[tuple[Form, Arrangement], list[tuple[int, float]]] = defaultdict(list)
    shares: dict[tuple[Form, Arrangement], list[tuple[int, float]]] = defaultdict(list)
    for case in results.measurements:
        world = case.world
        if world.game != "carts" or world.workers > 1 or world.observation != "4" or case.form not in _COLORS:
            continue
        rate, share = results.measurements.rate(case), results.measurements.share_of_ceiling(case)
        if rate is not None:
            rates[case.form, world.arrangement].append((world.agents, rate))
        if share is not None and case.form != "ceiling":
            shares[case.form, world.arrangement].append((world.agents, share * 100))
    _draw_lines(left, rates)
    left.set(yscale="log", ylabel="agent-steps a second")
    _draw_lines(right, shares)
    right.set(ylim=(0, None), ylabel="share of the ceiling, %")
    figure.suptitle("Scripted CartPoles, 4 numbers, 1 worker")
    figure.savefig(path)
    return path


def draw_memory(curve: MemoryCurve, path: Path) -> Path:
    """Draw the resident memory of Python and of the game against the steps."""
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    steps = [sample.steps for sample in curve.samples]
    axes.plot(steps, [sample.python / 2**20 for sample in curve.samples], label="Python", color="#478cbf")
    axes.plot(steps, [sample.game / 2**20 for sample in curve.samples], label="Godot", color="#f26645")
    axes.set(xlabel="steps", ylabel="resident memory, MiB", ylim=(0, None), title="Memory of a long run")
    axes.grid(alpha=0.25)
    axes.legend()
    figure.savefig(path)
    return path


_GAUGES = {
    "memory, MiB": {"python_mib": "Python", "games_mib": "games"},
    "open files, sockets and pipes": {"handles": "handles of Python", "sockets": "network sockets"},
    "processes": {"processes": "that Python started"},
    "threads": {"threads": "of Python"},
}


def draw_soak(curve: SoakCurve, path: Path) -> Path:
    """Draw all gauges of a soak, and the times of a step, against the minutes; the warm-up is grey."""
    figure = Figure(figsize=(11, 9), dpi=120, layout="constrained")
    panels = list(figure.subplots(3, 2).flat)
    minutes = [sample.seconds / 60 for sample in curve.samples]
    for axes, (label, gauges) in zip(panels, _GAUGES.items(), strict=False):
        for (name, whose), color in zip(gauges.items(), ("#478cbf", "#f26645"), strict=False):
            axes.plot(minutes, [getattr(sample.gauges, name) for sample in curve.samples], label=whose, color=color)
        axes.set(ylabel=label, ylim=(0, None))
    for axes, quickest in ((panels[4], False), (panels[5], True)):
        for form, color in zip(curve.forms, ("#478cbf", "#2b406a", "#dba33a"), strict=False):
            points = [(m, s.step_us[form]) for m, s in zip(minutes, curve.samples, strict=True) if form in s.step_us]
            times = [time for _, time in points]
            if quickest:
                times = [min(times[: i + 1][-_WINDOW:]) for i in range(len(times))]
            axes.plot([minute for minute, _ in points], times, label=form, color=color)
        axes.set(ylabel=f"us a step, {'quickest of 20 samples' if quickest else 'median'}", ylim=(0, None))
    for axes in panels:
        if minutes:
            axes.axvspan(0, minutes[-1] * WARM_UP, color="#000000", alpha=0.06)
        axes.set(xlabel="minutes")
        axes.grid(alpha=0.25)
        axes.legend(fontsize="small")
    counts = ", ".join(f"{count:,} {name}" for name, count in curve.counts.items())
    figure.suptitle(f"Long run: {counts}", fontsize="medium")
    figure.savefig(path)
    return path


def draw_learning(results: Results, path: Path) -> Path:
    """Draw the mean return of PPO against the seconds, a line for each seed."""
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for form, runs in results.learning.items():
        for i, run in enumerate(runs):
            seconds, means = zip(*run.curve, strict=True) if run.curve else ((), ())
            axes.plot(seconds, means, color=_COLORS[form], label=None if i else LABELS[form])
    axes.set(xlabel="seconds", ylabel="mean return of 100 episodes", title="PPO, scripted CartPole, 16 agents")
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right")
    figure.savefig(path)
    return path


def _draw_lines(axes: Axes, lines: dict[tuple[Form, Arrangement], list[tuple[int, float]]]) -> None:
    for (form, arrangement), points in lines.items():
        agents, values = zip(*sorted(points), strict=True)
        label = LABELS[form] + (", arenas" if arrangement == "arenas" else "")
        axes.plot(agents, values, _STYLES[arrangement], color=_COLORS[form], label=label)
    axes.set(xscale="log", xlabel="agents")
    axes.set_xticks(sorted({agents for points in lines.values() for agents, _ in points}))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    if lines:
        axes.legend(fontsize="small")
