"""Plays a scene at random and looks at all that it answers."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from godot_marl.arena import Arena
from godot_marl.errors import GodotMarlError
from godot_marl.observations import ObservationOutOfBoundsWarning
from godot_marl.outcomes import Outcome
from godot_marl.protocol import AgentDescription
from godot_marl.testing.recording import RandomPlayer
from godot_marl.testing.report import Finding, Level
from godot_marl.testing.values import difference_of, outside_of

_MOST_EPISODES = 20
# How many laps of stepping are timed, each a quarter of the steps that are looked at, and for how long. Other programs
# can only make a lap slower, so the fastest one says what the scene can do.
_MOST_LAPS = 20
_SPRINT_SECONDS = 2.0


@dataclass
class _Episode:
    """How one episode went."""

    first: dict[str, Any]
    steps: int = 0
    ended: bool = False
    restarted: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)


class Playthrough:
    """Some episodes of random play, and what was wrong in them.

    Args:
        arena: The scene, started.
        steps: How many steps to play in all.
        seed: The first episode's seed; the next ones follow.

    Attributes:
        begins_empty: Whether no agent was there after a reset.
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
        self._seen: set[str] = set()
        self._seconds = 0.0
        self._fastest = math.inf
        self.begins_empty = False

    def run(self) -> Iterator[Finding]:
        """Play, and say what was found. A game that fails ends it with that fault."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ObservationOutOfBoundsWarning)
                self._play()
        except GodotMarlError as error:
            yield from self._faults.values()
            yield Finding.of_error("plays", error)
            return
        played = sum(episode.steps for episode in self._episodes)
        count = len(self._episodes)
        what = f"{played} steps of random actions in {count} episode{'s'[: count != 1]}{self._speed()}."
        yield Finding("plays", Level.OK, what)
        yield from self._faults.values()
        for check, text in (
            ("values", "Observations and masks are in their spaces, rewards are finite."),
            ("reset", "Each agent of an episode's beginning has an observation and an info with the seed."),
            ("state", "The state is in its space."),
        ):
            has_fault = any(name == check for name, _ in self._faults)
            if not has_fault and (check != "state" or self._arena.scene.state_space is not None):
                yield Finding(check, Level.OK, text)
        yield from self._judge_ends()
        yield from self._judge_sight()

    def _play(self) -> None:
        played = 0
        while played < self._steps and len(self._episodes) < _MOST_EPISODES:
            seed = self._seed + len(self._episodes)
            outcome = self._arena.reset(seed, None)
            self._look(outcome, 0)
            self._check_beginning(outcome, seed)
            self.begins_empty = self.begins_empty or not self._arena.live
            episode = _Episode(dict(outcome.observations))
            self._episodes.append(episode)
            while self._arena.live and played < self._steps:
                outcome = self._step(outcome, seed, episode.steps)
                played += 1
                episode.steps += 1
                self._look(outcome, episode.steps)
                self._compare_with_first(outcome, episode)
            episode.ended = not self._arena.live
            if not episode.steps:
                break
        self._sprint()

    def _sprint(self) -> None:
        """Play on without looking, for the time it takes: the game sleeps while somebody looks, or draws actions."""
        seed = self._seed + len(self._episodes)
        lap = max(1, self._steps // 4)
        drawn = self._draw(seed, lap)
        end = time.monotonic() + _SPRINT_SECONDS
        self._seconds = 0.0
        played = 0
        while played < _MOST_LAPS * lap and (played < lap or time.monotonic() < end):
            outcome = self._arena.reset(seed, None)
            begin = played
            while self._arena.live and played < _MOST_LAPS * lap and (played < lap or time.monotonic() < end):
                outcome = self._step(outcome, seed, played, drawn)
                played += 1
                if played % lap == 0:
                    self._fastest = min(self._fastest, self._seconds / lap)
                    self._seconds = 0.0
            if played == begin:
                # Nobody is there at first: there is nothing to time.
                return
            seed += 1

    def _draw(self, seed: int, steps: int) -> list[dict[str, Any]]:
        """Actions of all agents for so many steps; none where masks decide about them."""
        if any(agent.action_mask for agent in self._agents.values()):
            return []
        return [
            {name: self._player.act(seed, step, slot) for name, slot in self._slots.items()} for step in range(steps)
        ]

    def _step(self, outcome: Outcome, seed: int, step: int, drawn: Sequence[Mapping[str, Any]] = ()) -> Outcome:
        acting = [outcome.turn] if outcome.turn is not None else self._arena.live
        actions = {}
        for name in acting:
            if drawn:
                actions[name] = drawn[step % len(drawn)][name]
            else:
                mask = outcome.infos.get(name, {}).get("action_mask")
                actions[name] = self._player.act(seed, step, self._slots[name], mask)
        begin = time.perf_counter()
        outcome = self._arena.step(actions)
        self._seconds += time.perf_counter() - begin
        return outcome

    def _speed(self) -> str:
        """How fast the stepping alone can be, as the end of a sentence; nothing where nothing was timed."""
        if not math.isfinite(self._fastest):
            return ""
        return f", up to {1.0 / self._arena.render_fps / self._fastest:.0f} times as fast as real time"

    def _look(self, outcome: Outcome, step: int) -> None:
        for name, observation in outcome.observations.items():
            agent = self._agents[name]
            wrong = outside_of(self._arena.observation_space(name), observation)
            if wrong:
                self._add(
                    "values",
                    f"In step {step} the observation of {name}{wrong}.",
                    f"{agent.path}.get_observation()",
                    "Widen the bounds in get_observation_space(), or scale or clamp the value.",
                )
        for name, reward in outcome.rewards.items():
            if not math.isfinite(reward):
                self._add(
                    "values",
                    f"In step {step} the reward of {name} is {reward}.",
                    f"{self._agents[name].path}.get_reward()",
                    "Look for a division by zero or a sum that grows without end.",
                )
        for name, info in outcome.infos.items():
            mask = info.get("action_mask")
            if mask is not None and name in self._arena.live and not mask.any() and outcome.turn in (None, name):
                self._add(
                    "values",
                    f"In step {step} the mask of {name} forbids every action.",
                    f"{self._agents[name].path}.get_action_mask()",
                    "Leave at least one action, if only one that does nothing.",
                )
        if self._arena.scene.state_space is not None:
            wrong = outside_of(self._arena.scene.state_space, self._arena.state())
            if wrong:
                where = "get_state() of the scene's root"
                self._add("state", f"In step {step} the state{wrong}.", where, "Widen the bounds in get_state_space().")

    def _check_beginning(self, outcome: Outcome, seed: int) -> None:
        for name in self._arena.live:
            if name not in outcome.observations or outcome.infos[name].get("seed") != seed:
                self._add("reset", f"{name} has no observation, or no info with the seed.", self._agents[name].path, "")

    def _compare_with_first(self, outcome: Outcome, episode: _Episode) -> None:
        for name, observation in outcome.observations.items():
            self._seen.add(name)
            if name not in episode.first:
                episode.first[name] = observation
                continue
            same = difference_of(self._arena.observation_space(name), observation, episode.first[name]) is None
            if not same:
                self._changed.add(name)
            if outcome.terminations[name] and not outcome.infos[name].get("left"):
                # One step proves nothing: an agent may be where it was.
                closed = episode.restarted if same and episode.steps > 1 else episode.closed
                closed.append(name)

    def _judge_ends(self) -> Iterator[Finding]:
        lengths = [episode.steps for episode in self._episodes if episode.ended and episode.steps]
        limit = self._arena.options.max_episode_steps
        if lengths:
            yield Finding("ends", Level.OK, f"Episodes end, after {min(lengths)} to {max(lengths)} steps.")
        elif self.begins_empty:
            where = "get_possible_agents() of the scene's root"
            yield Finding("ends", Level.NOTE, "No agent is there when an episode begins, so nothing was played.", where)
        else:
            how_long = max(episode.steps for episode in self._episodes)
            limited = f" (max_episode_steps is {limit})" if limit is not None else ""
            yield Finding(
                "ends",
                Level.NOTE,
                f"No episode ended within {how_long} steps{limited}.",
                "is_done() and is_truncated() of the agents",
                ""
                if limit is not None
                else "If an episode can last for ever, give max_episode_steps= in Python, or add is_truncated().",
            )

    def _judge_sight(self) -> Iterator[Finding]:
        restarted = {name for episode in self._episodes for name in episode.restarted}
        for name in sorted((restarted & self._changed) - {n for episode in self._episodes for n in episode.closed}):
            yield Finding(
                "ends",
                Level.WARNING,
                f"The last observation of {name} is each time the first one of its episode: "
                "the scene seems to start itself again.",
                self._agents[name].path,
                "Leave starting again to reset(), which the bridge calls after the last observation was taken.",
            )
        unmoved = sorted(self._seen - self._changed)
        if unmoved:
            yield Finding(
                "plays",
                Level.NOTE,
                f"Nothing that was done changed what {', '.join(unmoved[:5])} see{'s' if len(unmoved) == 1 else ''}.",
                f"{self._agents[unmoved[0]].path}.get_observation()",
                "See that apply_action() does something, and that get_observation() shows it.",
            )

    def _add(self, check: str, what: str, where: str, remedy: str) -> None:
        # Once for each place: the first step in which it happened says most.
        self._faults.setdefault((check, where), Finding(check, Level.FAULT, what, where, remedy))
