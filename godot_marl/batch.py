"""All arenas of all workers, with a row for each agent: what the vector forms have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from godot_marl import errors
from godot_marl.batch_checks import check_options, check_scene
from godot_marl.calls import broken_reply_error, closed_error, reset_needed_error
from godot_marl.codec import JOINED, LEFT, NO_ORDER, OBSERVED, RESET, RESET_IF_OVER, TERMINATED, TRUNCATED, Reply
from godot_marl.frames import FrameSaver
from godot_marl.observations import ObservationChecker
from godot_marl.options import Game, Options
from godot_marl.pool import WorkerPool
from godot_marl.protocol import SceneDescription
from godot_marl.rows import Array, RowPlan, join, map_batch, rows_of
from godot_marl.seeds import ArenaSeeds
from godot_marl.transitions import RowInfos, Transition


class Batch:
    """The arenas of several workers, whose agents share one policy, stepped together.

    A row is one agent of one arena of one worker, in this order: worker, arena, slot. An arena that is over is reset
    within the step, or, in a scene whose bridge has `settle_frames`, in the next one.

    Args:
        game: A project folder, an exported executable, or a .pck file.
        options: The environments' options.
        copies: Arenas in each worker.
        processes: Workers.
        layout: "separate" or "shared".
        pin: Keep each process on one processor, where there are copies and nobody watches.

    Raises:
        InvalidOptionError: An option has a value that cannot work.
        SceneError: The scene's agents take turns, or do not share one policy and its spaces.
        GodotMarlError: The game could not be started.
    """

    def __init__(
        self, game: Game, options: Options, *, copies: int, processes: int, layout: str, pin: bool = True
    ) -> None:
        check_options(options, copies, processes, layout)
        self.options = options
        self._game = game
        self._is_closed = False
        self._is_pending = False
        self._was_reset = False
        self._pool = WorkerPool(
            game,
            options,
            arenas=copies,
            workers=processes,
            layout=layout,
            pin=pin and copies > 1 and options.render_mode is None,
        )
        self.scene: SceneDescription = self._pool.start()
        try:
            check_scene(self.scene)
        except BaseException:
            self.close()
            raise
        self._workers = processes
        self._copies = copies
        self.arenas = copies * processes
        self._savers = FrameSaver.of_arenas(options.render_path, self.arenas)
        self.slots = len(self.scene.agents)
        self.rows = self.arenas * self.slots
        agent = self.scene.agents[0]
        self._actions = RowPlan(agent.action_space)
        self._observations = RowPlan(agent.observation_space)
        self._checker = ObservationChecker(self.scene)
        self._mask_size = agent.action_mask
        self.action_space = agent.action_space
        self.observation_space = agent.observation_space
        if self._mask_size and options.mask_in_observation:
            self.observation_space = spaces.Dict(
                observation=agent.observation_space, action_mask=spaces.Box(0, 1, (self._mask_size,), np.int8)
            )
        self._alive = np.zeros(self.rows, bool)
        # What each row saw last, for those that leave.
        self._last_observations: Any = None
        self._resetting = np.zeros(self.arenas, bool)
        self._is_resetting = False
        self._is_everybody_alive = False
        self._quiet_flags = bytes([OBSERVED]) * (copies * self.slots)
        self._usual_orders = np.full(self.arenas, RESET_IF_OVER, np.uint8)
        self._orders = self._usual_orders
        self._steps = np.zeros(self.arenas, np.int64)
        self._seeds = ArenaSeeds(self.arenas, options.seed)

    @property
    def resets_in_same_step(self) -> bool:
        """Whether an arena that is over is reset within the step; else in the next one."""
        return self.scene.settle_frames == 0

    @property
    def alive(self) -> Array:
        """Bool, shape (rows,), not to be written: whose action the next step takes."""
        return self._alive

    def describe_row(self, row: int) -> str:
        """Whose row it is."""
        arena, slot = divmod(row, self.slots)
        name = self.scene.agents[slot].name
        return f"agent {name} of arena {arena}" if self.arenas > 1 else f"agent {name}"

    # -- Episodes ------------------------------------------------------------------------------------------------------

    def reset(
        self, seed: int | Sequence[int | None] | None, options: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
    ) -> Transition:
        """Begin an episode in every arena.

        Args:
            seed: Arena i gets `seed` + i; or one seed for each arena; None draws them.
            options: What reaches `set_options` of the scene, at this reset and those that follow by themselves; or the
                options of each arena.

        Raises:
            InvalidOptionError: A seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self._check_open()
        self._check_pending("reset", False)
        episode_seeds = self._seeds.take(seed)
        self._was_reset = False
        if self._pool.is_running and self._pool.is_inherited:
            self._pool.close()
        if not self._pool.is_running:
            self._pool.start()
        by_arena = [options or {}] * self.arenas if options is None or isinstance(options, Mapping) else options
        parts = [
            {i: (episode_seeds[first + i], by_arena[first + i]) for i in range(self._copies)}
            for first in range(0, self.arenas, self._copies)
        ]
        self._pool.begin(lambda worker, part: worker.begin_reset(part), parts)
        replies = self._pool.finish()
        self._steps[:] = 0
        self._resetting[:] = False
        self._is_resetting = False
        self._seeds.draw(range(self.arenas))
        flags = _joined([reply.flags for reply in replies])
        self._alive = (flags & OBSERVED).astype(bool)
        self._is_everybody_alive = bool(self._alive.all())
        self._check_observations(replies, parts_are_next=False)
        transition = self._nothing(replies)
        transition.infos = self._infos(replies)
        transition.seeds = np.where(self._alive, np.repeat(episode_seeds, self.slots), -1)
        self._last_observations = transition.observations
        self._was_reset = True
        return transition

    def send(self, actions: Any) -> None:
        """Let all rows act, without waiting; the actions of rows that are not alive mean nothing.

        Raises:
            InvalidActionError: An action is outside its space, or the batch has another form.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self._check_reset("step")
        self._check_pending("step", False)
        if self.options.checks:
            self._actions.check(actions, self._alive, self.describe_row)
        sections = self._actions.write(actions, self.rows)
        if not self._is_everybody_alive:
            sections = {name: np.where(self._alive[:, None], part, 0) for name, part in sections.items()}
        self._orders = self._next_orders()
        marks = self._alive.view(np.uint8)
        self._was_reset = False
        self._pool.begin(lambda worker, part: worker.begin_step_rows(*part), self._parts(sections, marks))
        self._was_reset = True
        self._is_pending = True

    def _next_orders(self) -> Array:
        self._steps += 1
        limit = self.options.max_episode_steps
        is_over = limit is not None and self._steps.max() >= limit
        if not is_over and not self._is_resetting:
            return self._usual_orders
        orders = self._usual_orders.copy()
        if limit is not None:
            orders[self._steps >= limit] = RESET
        orders[self._resetting] = NO_ORDER
        return orders

    def _parts(self, sections: dict[str, Array], marks: Array) -> list[tuple[dict[str, Array], Array, Array, Array]]:
        """What each worker has of the rows and arenas."""
        orders = self._orders
        if self._workers == 1:
            return [(sections, marks, orders, self._seeds.next)]
        rows, arenas = self._copies * self.slots, self._copies
        return [
            (
                {name: section[worker * rows : (worker + 1) * rows] for name, section in sections.items()},
                marks[worker * rows : (worker + 1) * rows],
                orders[worker * arenas : (worker + 1) * arenas],
                self._seeds.next[worker * arenas : (worker + 1) * arenas],
            )
            for worker in range(self._workers)
        ]

    def receive(self) -> Transition:
        """Wait for what the step brought.

        Raises:
            StepOrderError: There was no `send`.
            InvalidObservationError: The scene answered something that is not in its space.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self._check_open()
        self._check_pending("step_wait", True)
        self._is_pending = False
        self._was_reset = False
        replies = self._pool.finish()
        transition = self._transition(replies)
        self._was_reset = True
        return transition

    def _transition(self, replies: list[Reply]) -> Transition:
        self._check_observations(replies, parts_are_next=False)
        transition = self._nothing(replies)
        transition.rewards = _joined([reply.rewards for reply in replies])
        self._check_rewards(replies, transition.rewards)
        if any(reply.has_infos for reply in replies):
            transition.infos = self._infos(replies)
        if self._is_quiet(replies):
            transition.active = np.ones(self.rows, bool)
            self._last_observations = transition.observations
            return transition
        flags = _joined([reply.flags for reply in replies])
        observed = (flags & OBSERVED).astype(bool)
        active, began = self._alive, np.repeat(self._resetting, self.slots)
        joined = observed & ~active
        if (joined & ~began & ((flags & JOINED) == 0)).any() or (active & ~observed & ((flags & LEFT) == 0)).any():
            raise broken_reply_error("the flags of the slots", str(flags.tolist())[:200])
        transition.active = active
        transition.terminations = (flags & TERMINATED).astype(bool)
        transition.truncations = (flags & TRUNCATED).astype(bool)
        over_time = np.repeat(self._orders == RESET, self.slots) & active
        transition.truncations |= over_time & ~transition.terminations
        ended = transition.terminations | transition.truncations
        self._alive = observed & ~ended
        left = np.flatnonzero(active & ~observed)
        if len(left):
            map_batch(
                lambda new, old: new.__setitem__(left, old[left]), transition.observations, self._last_observations
            )
        transition.final_rows = np.flatnonzero(ended)
        if len(transition.final_rows):
            transition.final_observations = rows_of(transition.observations, transition.final_rows)
        transition.infos += [(row, {"left": True}) for row in left.tolist()]
        if self._is_resetting:
            self._begin_episodes(transition, np.flatnonzero(self._resetting))
            self._resetting[:] = False
        if self.resets_in_same_step:
            if any(reply.reset for reply in replies):
                self._take_next(transition, replies)
        else:
            ended = (active | observed) & ~self._alive
            over = self._any_of_arena(ended) & ~self._any_of_arena(self._alive) | (self._orders == RESET)
            self._resetting = over & (self._orders != NO_ORDER)
            self._alive[np.repeat(self._resetting, self.slots)] = False
        self._is_resetting = bool(self._resetting.any())
        self._is_everybody_alive = bool(self._alive.all())
        self._last_observations = transition.observations
        return transition

    def _any_of_arena(self, rows: Array) -> Array:
        """For each arena whether it is true of one of its rows."""
        return np.asarray(rows.reshape(self.arenas, self.slots).any(axis=1))

    def _is_quiet(self, replies: list[Reply]) -> bool:
        """True if everybody took part in the step, and nobody came, left, ended or was reset."""
        return (
            self._is_everybody_alive
            and self._orders is self._usual_orders
            and all(reply.flags.tobytes() == self._quiet_flags and not reply.reset for reply in replies)
        )

    def _check_rewards(self, replies: list[Reply], rewards: Array) -> None:
        # One that is NaN makes the sum NaN; infinite ones of both signs do, too.
        if self.options.checks and np.isnan(rewards.sum()):
            for reply in replies:
                for arena in range(self._copies):
                    self._checker.rewards(reply, range(self.slots), arena)

    def _take_next(self, transition: Transition, replies: list[Reply]) -> None:
        """Put the first observations of the next episodes where the last ones were."""
        arenas = np.array(
            [worker * self._copies + arena for worker, reply in enumerate(replies) for arena in reply.reset]
        )
        rows = (arenas[:, None] * self.slots + np.arange(self.slots)).ravel()
        parts = [reply.next for reply in replies if reply.next is not None]
        self._check_observations(replies, parts_are_next=True)
        first = join([self._read(part) for part in parts])
        if transition.action_masks is not None:
            transition.action_masks[rows] = join([self._masks(part) for part in parts])
        map_batch(lambda old, new: old.__setitem__(rows, new), transition.observations, first)
        self._alive[rows] = (_joined([part.flags for part in parts]) & OBSERVED).astype(bool)
        ended = set(rows.tolist())
        transition.final_infos = [(row, info) for row, info in transition.infos if row in ended]
        transition.infos = [(row, info) for row, info in transition.infos if row not in ended]
        transition.infos += [
            (int(arena) * self.slots + slot, info)
            for arena, by_agent in zip(arenas, (infos for part in parts for infos in part.infos), strict=True)
            for slot, info in self._by_slot(by_agent)
        ]
        self._begin_episodes(transition, arenas)

    def _begin_episodes(self, transition: Transition, arenas: Array) -> None:
        rows = (arenas[:, None] * self.slots + np.arange(self.slots)).ravel()
        transition.begun = arenas
        transition.seeds = np.full(self.rows, -1, np.int64)
        transition.seeds[rows] = np.where(self._alive[rows], np.repeat(self._seeds.next[arenas], self.slots), -1)
        self._steps[arenas] = 0
        self._seeds.draw(arenas.tolist())

    # -- Parts of a reply ----------------------------------------------------------------------------------------------

    def _nothing(self, replies: list[Reply]) -> Transition:
        """A transition that has the observations alone."""
        none = np.zeros(self.rows, bool)
        return Transition(
            observations=join([self._read(reply) for reply in replies]),
            action_masks=join([self._masks(reply) for reply in replies]) if self._mask_size else None,
            rewards=np.zeros(self.rows),
            terminations=none,
            truncations=none.copy(),
            active=none.copy(),
            final_rows=np.zeros(0, np.int64),
            seeds=np.full(self.rows, -1, np.int64),
        )

    def _read(self, reply: Reply) -> Any:
        observations = self._observations.read(reply.sections, self.slots)
        if not self._mask_size or not self.options.mask_in_observation:
            return observations
        return {"observation": observations, "action_mask": self._masks(reply)}

    def _masks(self, reply: Reply) -> Array:
        return reply.masks.reshape(-1, self._mask_size).astype(np.int8)

    def _infos(self, replies: list[Reply]) -> RowInfos:
        return [
            ((worker * self._copies + arena) * self.slots + slot, info)
            for worker, reply in enumerate(replies)
            for arena, by_agent in enumerate(reply.infos)
            for slot, info in self._by_slot(by_agent)
        ]

    def _by_slot(self, by_agent: Mapping[str, dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
        if not by_agent:
            return []
        return [(slot, by_agent[agent.name]) for slot, agent in enumerate(self.scene.agents) if agent.name in by_agent]

    def _check_observations(self, replies: list[Reply], *, parts_are_next: bool) -> None:
        if not self.options.checks:
            return
        for reply in replies:
            part = reply.next if parts_are_next else reply
            if part is None:
                continue
            for arena, slot in self._checker.suspects_of_all(part):
                if part.flags[arena, slot] & OBSERVED:
                    self._checker.check(slot, self._pool.worker(0).layout.observation(part, arena, slot))

    # -- Pictures and the end ------------------------------------------------------------------------------------------

    def render(self, arenas: Sequence[int] | None = None) -> list[Array]:
        """A frame of each arena, or of these: uint8 of shape (height, width, 3). With `render_path` they are saved."""
        self._check_reset("render")
        self._check_pending("render", False)
        frames = []
        for arena in range(self.arenas) if arenas is None else arenas:
            worker, copy = divmod(arena, self._copies)
            frames.append(self._pool.worker(worker).render(copy))
            self._savers[arena].save(frames[-1])
        return frames

    def close(self) -> None:
        """End the games. Safe to call twice."""
        self._is_closed = True
        # A game that is asked to step hears nothing of a close.
        self._pool.close(patience=0.0 if self._is_pending else None)
        self._is_pending = False

    # -- Checks --------------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            raise closed_error(self._game)

    def _check_reset(self, method: str) -> None:
        self._check_open()
        if not self._was_reset or self._pool.is_inherited:
            raise reset_needed_error(method)

    def _check_pending(self, method: str, expected: bool) -> None:
        if self._is_pending != expected:
            raise errors.StepOrderError(
                f"{method}() was called out of order.",
                where=f"{method}()",
                expected="a call of step_async() first" if expected else "a call of step_wait() first",
                got="none",
            )


def _joined(blocks: Sequence[Array]) -> Array:
    """Blocks of shape (arenas, slots) as one array of rows, which nobody else has."""
    return blocks[0].ravel() if len(blocks) == 1 else np.concatenate([block.ravel() for block in blocks])
