"""Plays an arena of a vector environment again, alone, and compares what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np

from godot_marl.parallel import GodotParallelEnv
from godot_marl.vector.batch_layout import map_batch, row_of

SEED = 40

Step = tuple[Any, np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any], dict[str, Any]]


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same bit by bit, with types and shapes."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    one, other = np.asarray(one), np.asarray(other)
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def is_zero(value: Any) -> bool:
    parts: list[Any] = []
    map_batch(parts.append, value)
    return not any(np.any(part) for part in parts)


def info_of(infos: dict[str, Any], row: int) -> dict[str, Any]:
    """What the infos say of a row, without what the vector form adds."""
    own = {"active", "seed", "final_obs", "final_info", "action_mask", "worker_restarted"}
    names = [name for name in infos if not name.startswith("_") and name not in own]
    return {name: infos[name][row] for name in names if infos[f"_{name}"][row]}


def plain(info: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in info.items() if name not in ("seed", "action_mask")}


class Replay:
    """One arena of a vector environment again, with `parallel_env`; every step is compared."""

    def __init__(
        self,
        env: GodotParallelEnv,
        arena: int,
        answers: list[Step],
        options: dict[str, Any] | None,
        *,
        is_next_step: bool,
    ) -> None:
        self.env = env
        self.arena = arena
        self.names = env.possible_agents
        self.answers = answers
        self.options = options
        self.is_next_step = is_next_step
        self.episodes = 1
        self.losses = 0
        # What the agents saw last.
        self.seen: dict[str, Any] = {}

    def rows(self) -> list[tuple[str, int]]:
        first = self.arena * len(self.names)
        return [(name, first + slot) for slot, name in enumerate(self.names)]

    def run(self, actions: list[Any]) -> None:
        self.begin(self.answers[0])
        waits = False
        for action, answer in zip(actions[1:], self.answers[1:], strict=True):
            if self.is_lost(answer):
                self.losses += 1
                self.check_loss(answer, [] if waits else list(self.env.agents))
                waits = self.is_next_step
                if not waits:
                    self.begin(answer)
                continue
            if waits:
                self.begin(answer)
                self.check_nobody_acted(answer)
                waits = False
                continue
            live = list(self.env.agents)
            outcome = self.env.step({name: row_of(action, row) for name, row in self.rows() if name in live})
            self.seen = outcome[0]
            is_over = bool(live) and not self.env.agents
            self.episodes += is_over
            self.check_step(answer, live, outcome, is_over=is_over)
            if is_over and self.is_next_step:
                self.check_sight(answer, outcome[0])
                waits = True
            elif is_over:
                self.begin(answer)

    def begin(self, answer: Step) -> None:
        """The next episode, which begins in this answer."""
        seed = SEED + self.arena if answer is self.answers[0] else None
        self.seen, infos = self.env.reset(seed=seed, options=self.options)
        self.check_beginning(answer, self.seen, infos)

    def is_lost(self, answer: Step) -> bool:
        """Whether its worker was lost, which all rows must say."""
        told = answer[4].get("worker_restarted")
        lost = {told is not None and bool(told[row]) for _, row in self.rows()}
        assert len(lost) == 1
        return lost.pop()

    def check_loss(self, answer: Step, live: list[str]) -> None:
        told = answer[4]
        for name, row in self.rows():
            assert told["_worker_restarted"][row]
            assert told["active"][row] == (name in live)
            assert answer[1][row] == 0.0
            assert (answer[2][row], answer[3][row]) == (False, name in live)
            if name in live:
                assert same(told["final_obs"][row], self.seen[name])
                assert told["final_info"]["worker_restarted"][row]
        if self.is_next_step:
            self.check_sight(answer, {name: self.seen[name] for name in live})
            assert not any(told["_seed"][row] for _, row in self.rows() if "_seed" in told)

    def check_sight(self, answer: Step, observations: dict[str, Any]) -> None:
        for name, row in self.rows():
            seen = row_of(answer[0], row)
            assert same(seen, observations[name]) if name in observations else is_zero(seen), (name, row)

    def check_beginning(self, answer: Step, observations: dict[str, Any], infos: dict[str, Any]) -> None:
        self.check_sight(answer, observations)
        for name, row in self.rows():
            if name in infos:
                assert answer[4]["_seed"][row]
                assert answer[4]["seed"][row] == infos[name]["seed"]
            elif "seed" in answer[4]:
                assert not answer[4]["_seed"][row]
            assert info_of(answer[4], row) == plain(infos.get(name, {}))
            self.check_mask(answer[4], name, row, infos)

    def check_nobody_acted(self, answer: Step) -> None:
        for _, row in self.rows():
            assert not answer[4]["active"][row]
            assert [part[row] for part in answer[1:4]] == [0, False, False]

    def check_mask(self, infos: dict[str, Any], name: str, row: int, of_agents: dict[str, Any]) -> None:
        if name in of_agents and "action_mask" in of_agents[name]:
            assert same(infos["action_mask"][row], of_agents[name]["action_mask"])

    def check_step(self, answer: Step, live: list[str], outcome: tuple[Any, ...], *, is_over: bool) -> None:
        observations, rewards, terminations, truncations, infos = outcome
        told = answer[4]
        if not is_over:
            self.check_sight(answer, observations)
        for name, row in self.rows():
            assert told["active"][row] == (name in live)
            if name not in live:
                assert [part[row] for part in answer[1:4]] == [0, False, False]
                continue
            assert same(answer[1][row], np.float64(rewards[name]))
            assert (answer[2][row], answer[3][row]) == (terminations[name], truncations[name])
            has_ended = terminations[name] or truncations[name]
            assert ("_final_obs" in told and told["_final_obs"][row]) == has_ended
            if has_ended:
                assert same(told["final_obs"][row], observations[name])
                assert told["_final_info"][row]
            ended_info = told["final_info"] if is_over and not self.is_next_step else told
            assert info_of(ended_info, row) == plain(infos[name])
            if not is_over:
                self.check_mask(told, name, row, infos)
