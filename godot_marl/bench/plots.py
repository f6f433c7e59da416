"""The plot of a run."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from godot_marl.bench.cases import LABELS, Arrangement, Form
from godot_marl.bench.results import Results

COLORS: dict[Form, str] = {
    "ceiling": "#444444",
    "parallel": "#478cbf",
    "gymnasium": "#6a8f4f",
    "vector": "#2b406a",
    "sb3": "#dba33a",
    "rival": "#f26645",
    "rival-sb3": "#e59a86",
}
_STYLES: dict[Arrangement, str] = {"agents": "o-", "arenas": "s--"}


def draw_speed(results: Results, path: Path) -> Path:
    """Draw agent-steps a second, and their share of the ceiling, against the number of agents.

    Cases with one worker and 4 numbers for each agent are drawn; the table has all of them.
    """
    figure = Figure(figsize=(12, 5), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    rates: dict[tuple[Form, Arrangement], list[tuple[int, float]]] = defaultdict(list)
    shares: dict[tuple[Form, Arrangement], list[tuple[int, float]]] = defaultdict(list)
    for case in results.measurements:
        world = case.world
        if world.game != "carts" or world.workers > 1 or world.observation != "4" or case.form not in COLORS:
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


def _draw_lines(axes: Axes, lines: dict[tuple[Form, Arrangement], list[tuple[int, float]]]) -> None:
    for (form, arrangement), points in lines.items():
        agents, values = zip(*sorted(points), strict=True)
        label = LABELS[form] + (", arenas" if arrangement == "arenas" else "")
        axes.plot(agents, values, _STYLES[arrangement], color=COLORS[form], label=label)
    axes.set(xscale="log", xlabel="agents")
    axes.set_xticks(sorted({agents for points in lines.values() for agents, _ in points}))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    if lines:
        axes.legend(fontsize="small")
