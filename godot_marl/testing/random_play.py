"""Plays a scene with random actions, and checks every reply."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from godot_marl.core.arena import Arena
from godot_marl.core.episode import StepResult
from godot_marl.core.observation_validation import ObservationOutOfBoundsWarning
from godot_marl.errors import GodotMarlError
from godot_marl.protocol.messages import AgentDescription
from godot_marl.testing.report import Finding, Level
from godot_marl.testing.space_values import difference_of, outside_of
from godot_marl.testing.trajectory import RandomPlayer

_MAX_EPISODES = 20
# Each timed lap has a quarter of the checked steps. The fastest lap counts: other programs only make laps slower.
_MAX_LAPS = 20
_TIMING_SECONDS = 2.0


@dataclass
class _Episode:
    """The record of one episode.

    Attributes:
        first: The first observation of each agent.
        steps: Steps so far.
        ended: Whether all agents finished.
        ends_as_begun: The agents whose last observation equals their first.
        ends_changed: The agents whose last observation differs from their first.
    """

    first: dict[str, Any]
    steps: int = 0
    ended: bool = False
    ends_as_begun: list[str] = field(default_factory=list)
    ends_changed: list[str] = field(default_factory=list)


class Playthrough:
    """Plays some episodes of random actions, and collects their faults.

    Args:
        arena: The scene's arena, started.
        steps: Checked steps of all episodes.
        seed: The first episode's seed; the others follow it.

    Attributes:
        begins_empty: Whether a reset left the scene without an agent.
    """

    def __init__(self, arena: Arena, steps: int, seed: int) -> None:
        self._arena = arena
        self._steps = steps
        self._seed = seed
        self._agents: dict[str, AgentDescription] = {agent.name: agent for agent in arena.scene.agents}
        self._slots = {name: slot for slot, name in enumerate(arena.names)}
        self._player = RandomPlayer(arena.scene)
        self._episodes: list[_Episode] = []
        self._faults: dict[tuple[str, str], Finding] = {}
        self._changed: set[str] = set()
        self._observed: set[str] = set()
        self._lap_seconds = 0.0
        self._best_step_seconds = math.inf
        self.begins_empty = False

    def run(self) -> Iterator[Finding]:
        """Play, and yield the findings. An error of the game ends the playthrough and becomes a fault."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ObservationOutOfBoundsWarning)
                self._play()
        except GodotMarlError as error:
            yield from self._faults.values()
            yield Finding.of_error("plays", error)
            return
        steps = sum(episode.steps for episode in self._episodes)
        count = len(self._episodes)
        what = f"{steps} steps of random actions in {count} episode{'s'[: count != 1]}{self._describe_speed()}."
        yield Finding("plays", Level.OK, what)
        yield from self._faults.values()
        for check, text in (
            ("values", "Observations and masks are in their spaces, rewards are finite."),
            ("reset", "Each agent has an observation and an info with the seed after a reset."),
            ("state", "The state is in its space."),
        ):
            has_fault = any(name == check for name, _ in self._faults)
            if not has_fault and (check != "state" or self._arena.scene.state_space is not None):
                yield Finding(check, Level.OK, text)
        yield from self._check_episode_ends()
        yield from self._check_observed_effects()

    def _play(self) -> None:
        steps_played = 0
        while steps_played < self._steps and len(self._episodes) < _MAX_EPISODES:
            seed = self._seed + len(self._episodes)
            result = self._arena.reset(seed, None)
            self._check_values(result, 0)
            self._check_reset(result, seed)
            self.begins_empty = self.begins_empty or not self._arena.live
            episode = _Episode(dict(result.observations))
            self._episodes.append(episode)
            while self._arena.live and steps_played < self._steps:
                result = self._step(result, seed, episode.steps)
                steps_played += 1
                episode.steps += 1
                self._check_values(result, episode.steps)
                self._compare_with_first(result, episode)
            episode.ended = not self._arena.live
            if not episode.steps:
                break
        self._time_steps()

    def _time_steps(self) -> None:
        """Time further steps without checks and with prepared actions, because the game sleeps while Python works."""
        seed = self._seed + len(self._episodes)
        lap = max(1, self._steps // 4)
        prepared = self._prepare_actions(seed, lap)
        end = time.monotonic() + _TIMING_SECONDS
        self._lap_seconds = 0.0
        steps_played = 0

        def needs_steps() -> bool:
            return steps_played < lap or (steps_played < _MAX_LAPS * lap and time.monotonic() < end)

        while needs_steps():
            result = self._arena.reset(seed, None)
            if not self._arena.live:
                return
            while self._arena.live and needs_steps():
                result = self._step(result, seed, steps_played, prepared)
                steps_played += 1
                if steps_played % lap == 0:
                    self._best_step_seconds = min(self._best_step_seconds, self._lap_seconds / lap)
                    self._lap_seconds = 0.0
            seed += 1

    def _prepare_actions(self, seed: int, steps: int) -> list[dict[str, Any]]:
        """Sample the actions of all agents for some steps; none where they depend on action masks."""
        if any(agent.action_mask for agent in self._agents.values()):
            return []
        return [
            {name: self._player.act(seed, step, slot) for name, slot in self._slots.items()} for step in range(steps)
        ]

    def _step(self, last: StepResult, seed: int, step: int, prepared: Sequence[Mapping[str, Any]] = ()) -> StepResult:
        acting = [last.turn] if last.turn is not None else self._arena.live
        actions = {}
        for name in acting:
            if prepared:
                actions[name] = prepared[step % len(prepared)][name]
            else:
                mask = last.infos.get(name, {}).get("action_mask")
                actions[name] = self._player.act(seed, step, self._slots[name], mask)
        begin = time.perf_counter()
        result = self._arena.step(actions)
        self._lap_seconds += time.perf_counter() - begin
        return result

    def _describe_speed(self) -> str:
        """Describe the speed of stepping as the end of a sentence; empty where no lap was timed."""
        if not math.isfinite(self._best_step_seconds):
            return ""
        return f", up to {1.0 / self._arena.render_fps / self._best_step_seconds:.0f} times as fast as real time"

    def _check_values(self, result: StepResult, step: int) -> None:
        for name, observation in result.observations.items():
            agent = self._agents[name]
            violation = outside_of(self._arena.observation_space(name), observation)
            if violation:
                self._add(
                    "values",
                    f"In step {step} the observation of {name}{violation}.",
                    f"{agent.path}.get_observation()",
                    "Widen the bounds in get_observation_space(), or scale or clamp the value.",
                )
        for name, reward in result.rewards.items():
            if not math.isfinite(reward):
                self._add(
                    "values",
                    f"In step {step} the reward of {name} is {reward}.",
                    f"{self._agents[name].path}.get_reward()",
                    "Look for a division by zero or a sum that grows without end.",
                )
        for name, info in result.infos.items():
            mask = info.get("action_mask")
            if mask is not None and name in self._arena.live and not mask.any() and result.turn in (None, name):
                self._add(
                    "values",
                    f"In step {step} the mask of {name} forbids every action.",
                    f"{self._agents[name].path}.get_action_mask()",
                    "Allow at least one action, even if it only does nothing.",
                )
        if self._arena.scene.state_space is not None:
            violation = outside_of(self._arena.scene.state_space, self._arena.state())
            if violation:
                where, remedy = "get_state() of the scene's root", "Widen the bounds in get_state_space()."
                self._add("state", f"In step {step} the state{violation}.", where, remedy)

    def _check_reset(self, result: StepResult, seed: int) -> None:
        for name in self._arena.live:
            if name not in result.observations or result.infos[name].get("seed") != seed:
                self._add("reset", f"{name} has no observation, or no info with the seed.", self._agents[name].path, "")

    def _compare_with_first(self, result: StepResult, episode: _Episode) -> None:
        for name, observation in result.observations.items():
            self._observed.add(name)
            if name not in episode.first:
                episode.first[name] = observation
                continue
            same = difference_of(self._arena.observation_space(name), observation, episode.first[name]) is None
            if not same:
                self._changed.add(name)
            if result.terminations[name] and not result.infos[name].get("left"):
                # An episode of one step is no evidence: an agent may not have moved yet.
                ended = episode.ends_as_begun if same and episode.steps > 1 else episode.ends_changed
                ended.append(name)

    def _check_episode_ends(self) -> Iterator[Finding]:
        lengths = [episode.steps for episode in self._episodes if episode.ended and episode.steps]
        limit = self._arena.options.max_episode_steps
        if lengths:
            yield Finding("ends", Level.OK, f"Episodes end, after {min(lengths)} to {max(lengths)} steps.")
        elif self.begins_empty:
            where = "get_possible_agents() of the scene's root"
            yield Finding("ends", Level.NOTE, "No agent exists after a reset, so no step was played.", where)
        else:
            longest = max(episode.steps for episode in self._episodes)
            limit_note = f" (max_episode_steps is {limit})" if limit is not None else ""
            remedy = "If an episode can be endless, set max_episode_steps= in Python, or add is_truncated()."
            yield Finding(
                "ends",
                Level.NOTE,
                f"No episode ended within {longest} steps{limit_note}.",
                "is_done() and is_truncated() of the agents",
                remedy if limit is None else "",
            )

    def _check_observed_effects(self) -> Iterator[Finding]:
        ends_as_begun = {name for episode in self._episodes for name in episode.ends_as_begun}
        ends_changed = {name for episode in self._episodes for name in episode.ends_changed}
        for name in sorted((ends_as_begun & self._changed) - ends_changed):
            yield Finding(
                "ends",
                Level.WARNING,
                f"The last observation of {name} always equals the first one of its episode: "
                "the scene seems to reset itself.",
                self._agents[name].path,
                "Reset the scene only in reset(), which the bridge calls after it takes the last observation.",
            )
        unchanged = sorted(self._observed - self._changed)
        if unchanged:
            yield Finding(
                "plays",
                Level.NOTE,
                f"No action changed the observations of {', '.join(unchanged[:5])}.",
                f"{self._agents[unchanged[0]].path}.get_observation()",
                "Check that apply_action() has an effect, and that get_observation() includes it.",
            )

    def _add(self, check: str, what: str, where: str, remedy: str) -> None:
        # Keep the first finding of each place: later ones repeat it.
        self._faults.setdefault((check, where), Finding(check, Level.FAULT, what, where, remedy))
