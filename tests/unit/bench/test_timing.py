"""How steps are timed, and what is computed of that."""

from __future__ import annotations

import json
import time

import pytest

from godot_marl.bench.cases import Case, World
from godot_marl.bench.ceiling import read_timing
from godot_marl.bench.timing import Measurement, Measurements, Timing, time_chosen_steps, time_steps


def test_rates_are_of_what_was_counted() -> None:
    timing = Timing(steps=100, agent_steps=1600, seconds=0.5)
    assert timing.rate == 3200
    assert timing.step_microseconds == 5000


def test_every_step_is_timed_and_counted() -> None:
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
        return 3

    timing = time_steps(step, 0.05)
    assert timing.agent_steps == 3 * timing.steps
    assert len(timing.durations) == timing.steps < taken
    assert timing.seconds == pytest.approx(sum(timing.durations))
    assert timing.seconds >= 0.05
    assert timing.step_microseconds >= 1000
    quantiles = timing.to_json()["microseconds_of_steps"]
    assert 1000 <= quantiles["median"] <= quantiles["p95"] <= quantiles["p99"]


def test_the_time_of_choosing_actions_does_not_count() -> None:
    stepped = []

    def choose() -> int:
        end = time.perf_counter() + 0.005
        while time.perf_counter() < end:
            pass
        return len(stepped)

    def step(number: int) -> int:
        stepped.append(number)
        end = time.perf_counter() + 0.001
        while time.perf_counter() < end:
            pass
        return 2

    begin = time.perf_counter()
    timing = time_chosen_steps(choose, step, 0.03)
    spent = time.perf_counter() - begin
    assert stepped == list(range(len(stepped)))
    assert timing.agent_steps == 2 * timing.steps
    assert timing.steps < len(stepped)
    assert timing.seconds == pytest.approx(sum(timing.durations))
    assert timing.seconds >= 0.03
    # Choosing takes five times as long as stepping.
    assert spent > 4 * timing.seconds


def test_the_median_round_counts() -> None:
    case = Case("vector", World(2))
    measurement = Measurement(case, [Timing(10, 20, seconds) for seconds in (1.0, 4.0, 2.0)])
    assert measurement.rate == 10
    assert measurement.step_microseconds == 200_000
    assert Measurement(case).rate is None


def test_shares_are_of_the_same_worlds_ceiling() -> None:
    measurements = Measurements(
        {
            case: Measurement(case, [Timing(10, rate, 1.0)])
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


def test_the_timing_of_a_ceiling_is_found_in_the_output_of_its_game() -> None:
    printed = {"steps": 10, "agent_steps": 160, "seconds": 0.5, "durations_us": [3.0, 5.0]}
    output = f"Godot Engine v4.6\n\n{json.dumps(printed)}\nsomething else\n"
    assert read_timing(output) == Timing(10, 160, 0.5, [3e-6, 5e-6])
    assert read_timing("Godot Engine v4.6\n[1]\n5\n{}\n") is None
