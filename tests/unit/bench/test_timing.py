"""How steps are timed, and what figures say."""

from __future__ import annotations

import json
import time

import pytest

from godot_marl.bench.cases import Case, World
from godot_marl.bench.ceiling import read_figures
from godot_marl.bench.figures import Figures, Measurement, Measurements, time_steps


def test_figures_are_rates_of_what_was_counted() -> None:
    figures = Figures(steps=100, agent_steps=1600, seconds=0.5)
    assert figures.rate == 3200
    assert figures.step_microseconds == 5000


def test_every_step_is_timed_and_counted() -> None:
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
        return 3

    figures = time_steps(step, 0.05)
    assert figures.agent_steps == 3 * figures.steps
    assert len(figures.durations) == figures.steps < taken
    assert figures.seconds == pytest.approx(sum(figures.durations))
    assert figures.seconds >= 0.05
    assert figures.step_microseconds >= 1000
    quantiles = figures.to_json()["microseconds_of_steps"]
    assert 1000 <= quantiles["median"] <= quantiles["p95"] <= quantiles["p99"]


def test_the_median_round_counts() -> None:
    case = Case("vector", World(2))
    measurement = Measurement(case, [Figures(10, 20, seconds) for seconds in (1.0, 4.0, 2.0)])
    assert measurement.rate == 10
    assert measurement.step_microseconds == 200_000
    assert Measurement(case).rate is None


def test_shares_are_of_the_same_worlds_ceiling() -> None:
    measurements = Measurements(
        {
            case: Measurement(case, [Figures(10, rate, 1.0)])
            for case, rate in (
                (Case("ceiling", World(2)), 400),
                (Case("vector", World(2)), 100),
                (Case("vector", World(4)), 100),
            )
        }
    )
    assert measurements.share_of_ceiling(Case("vector", World(2))) == 0.25
    assert measurements.share_of_ceiling(Case("vector", World(4))) is None
    assert measurements.share_of_ceiling(Case("parallel", World(2))) is None


def test_the_ceilings_figures_are_found_in_what_the_game_printed() -> None:
    printed = {"steps": 10, "agent_steps": 160, "seconds": 0.5, "durations_us": [3.0, 5.0]}
    output = f"Godot Engine v4.6\n\n{json.dumps(printed)}\nsomething else\n"
    assert read_figures(output) == Figures(10, 160, 0.5, [3e-6, 5e-6])
    assert read_figures("Godot Engine v4.6\n[1]\n5\n{}\n") is None
