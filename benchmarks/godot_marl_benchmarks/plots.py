"""The plots of what only a checkout measures."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from godot_marl.bench.cases import LABELS
from godot_marl.bench.plots import COLORS
from godot_marl_benchmarks.memory import MemoryCurve
from godot_marl_benchmarks.results import DeveloperResults
from godot_marl_benchmarks.soak.report import WARM_UP, SoakCurve

# Samples of which the quickest is drawn.
_WINDOW = 20


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


_PANELS = {
    "memory, MiB": {"python_mib": "Python", "games_mib": "games"},
    "open files, sockets and pipes": {"handles": "handles of Python", "sockets": "network sockets"},
    "processes": {"processes": "that Python started"},
    "threads": {"threads": "of Python"},
}


def draw_soak(curve: SoakCurve, path: Path) -> Path:
    """Draw the resource usage of a soak and the times of a step against the minutes; the warm-up is grey."""
    figure = Figure(figsize=(11, 9), dpi=120, layout="constrained")
    panels = list(figure.subplots(3, 2).flat)
    minutes = [sample.seconds / 60 for sample in curve.samples]
    for axes, (label, resources) in zip(panels, _PANELS.items(), strict=False):
        for (name, owner), color in zip(resources.items(), ("#478cbf", "#f26645"), strict=False):
            axes.plot(minutes, [getattr(sample.usage, name) for sample in curve.samples], label=owner, color=color)
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


def draw_learning(results: DeveloperResults, path: Path) -> Path:
    """Draw the mean return of PPO against the seconds, a line for each seed."""
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for form, runs in results.learning.items():
        for i, run in enumerate(runs):
            seconds, means = zip(*run.curve, strict=True) if run.curve else ((), ())
            axes.plot(seconds, means, color=COLORS[form], label=None if i else LABELS[form])
    axes.set(xlabel="seconds", ylabel="mean return of 100 episodes", title="PPO, scripted CartPole, 16 agents")
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right")
    figure.savefig(path)
    return path
