"""One arena of a running game: what the PettingZoo and Gymnasium forms share."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding

from godot_marl import errors
from godot_marl.core.action_validation import ActionValidator
from godot_marl.core.call_validation import closed_error, reset_needed_error
from godot_marl.core.concurrency import ExclusiveUse
from godot_marl.core.episode import EpisodeTracker, StepResult
from godot_marl.core.observation_validation import validate_state
from godot_marl.core.rendering import FrameWriter
from godot_marl.game.addon_version import log_mismatch
from godot_marl.game.shutdown import EXIT_TIMEOUT
from godot_marl.game.worker import Worker
from godot_marl.options import Game, Options
from godot_marl.protocol.codec import Reply
from godot_marl.protocol.messages import SceneDescription
from godot_marl.protocol.seeds import validate_optional_seed

logger = logging.getLogger(__name__)


class Arena:
    """One arena: starts the game lazily, exchanges messages with it, and tracks its episodes.

    Pickling carries the options and the handshake, never the process; a copy starts its own at first use.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        options: The environment's options.
        number: The index of this arena among several that share the cores, each with its own process; None if alone.

    Attributes:
        live: The agents whose episode goes on, in the order of the slots.
    """

    def __init__(self, game: Game, options: Options, *, number: int | None = None) -> None:
        self._game = game
        self._number = number
        self.options = options
        self.live: list[str] = []
        self._worker: Worker | None = None
        self._scene: SceneDescription | None = None
        self._was_reset = False
        self._is_closed = False
        self._exclusive_use = ExclusiveUse()
        self._reply: Reply | None = None
        self._tracker: EpisodeTracker | None = None
        self._rng, _ = seeding.np_random(options.seed)
        self._frames = FrameWriter(options.render_path)

    # -- What the scene is ---------------------------------------------------------------------------------------------

    def start(self) -> SceneDescription:
        """Start the game if it is not running, and return the scene's description from the handshake.

        Raises:
            ClosedEnvironmentError: The environment was closed.
            GodotMarlError: The game could not be started; the type says why.
        """
        self._check_open()
        self._drop_inherited_worker()
        if self._worker is None:
            with self._exclusive_use:
                self._start()
        assert self._scene is not None
        return self._scene

    def _start(self) -> None:
        # Assign first, so that close() can clean up.
        self._worker = worker = Worker(self._game, self.options, number=self._number)
        try:
            # Another thread may have called `end` before the worker was assigned.
            self._check_open()
            scene = worker.start()
            if self._scene is None and not self._number:
                # Once for each environment: its other workers have the same addon.
                log_mismatch(scene.addon_version, self._game)
            self._set_scene(scene)
            self._tracker = EpisodeTracker(scene, worker.codec, self.options)
        except BaseException:
            self._end_game()
            raise

    @property
    def is_unknown(self) -> bool:
        """True until the first handshake has described the scene."""
        return self._scene is None

    @property
    def scene(self) -> SceneDescription:
        """The scene's description; starts the game if there was no handshake yet."""
        return self._scene if self._scene is not None else self.start()

    def _set_scene(self, scene: SceneDescription) -> None:
        self._scene = scene
        self._slots = {agent.name: slot for slot, agent in enumerate(scene.agents)}
        self._action_validator = ActionValidator({agent.name: agent.action_space for agent in scene.agents})
        self._observation_spaces = {
            agent.name: spaces.Dict(
                observation=agent.observation_space,
                action_mask=spaces.Box(0, 1, (agent.action_mask,), np.int8),
            )
            if agent.action_mask and self.options.mask_in_observation
            else agent.observation_space
            for agent in scene.agents
        }

    @property
    def names(self) -> list[str]:
        """The names of all possible agents, in the order of the slots."""
        if self._scene is None:
            self.start()
        return list(self._slots)

    @property
    def policies(self) -> dict[str, str]:
        """The policy of each agent, by agent name."""
        return {agent.name: agent.policy for agent in self.scene.agents}

    @property
    def render_fps(self) -> float:
        """Steps per second of simulated time."""
        return self.scene.physics_fps / self.scene.step_length

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The observation space of an agent; the same object at each call."""
        self._check_agent(agent)
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The action space of an agent; the same object at each call."""
        scene = self._check_agent(agent)
        return scene.agents[self._slots[agent]].action_space

    @property
    def state_space(self) -> spaces.Space[Any]:
        """The space of `state`. Raises AttributeError for a scene without one, as PettingZoo expects."""
        space = self.scene.state_space
        if space is None:
            raise AttributeError("the scene has no state space: its root node has no get_state()")
        return space

    def state(self) -> Any:
        """The state of the whole arena at the last reset or step.

        Raises:
            ResetNeededError: There was no reset yet.
            SceneError: The scene's root has no get_state().
            InvalidObservationError: The state holds NaN, or an integer outside its space.
        """
        self.check_reset("state")
        if self.scene.state_space is None:
            raise errors.SceneError(
                "The scene has no state.",
                where="the root node of the arena",
                expected="the methods get_state() and get_state_space()",
                got="neither",
                remedy="Add them to the script of the scene's root node.",
            )
        assert self._worker is not None
        assert self._reply is not None
        state = self._worker.codec.state(self._reply, 0)
        if self.options.checks:
            validate_state(self.scene.state_space, state)
        return state

    # -- Episodes ------------------------------------------------------------------------------------------------------

    def reset(self, seed: int | None, options: Mapping[str, Any] | None) -> StepResult:
        """Begin an episode. Each info holds the `seed` that the scene received.

        Raises:
            InvalidOptionError: The seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        seed = validate_optional_seed(seed, "reset(seed=...)")
        if seed is not None:
            self._rng, _ = seeding.np_random(seed)
        scene = self.start()
        episode_seed = int(self._rng.integers(2**31)) if seed is None else seed
        if options and not scene.takes_options:
            logger.debug("no node of the scene has set_options(); these options are not used: %s", options)
        with self._exclusive_use:
            worker, tracker = self._running("reset")
            try:
                self._reply = worker.reset({0: (episode_seed, options or {})})
                self._was_reset = True
                self.live = []
                outcome = tracker.on_reset(self._reply)
            except BaseException as error:
                self._end_after(error)
                raise
        self.live = tracker.live
        for info in outcome.infos.values():
            info["seed"] = episode_seed
        return outcome

    def step(self, actions: Mapping[str, Any]) -> StepResult:
        """Step the arena with these agents' actions, and wait for the result.

        Raises:
            InvalidActionError: An action is outside its space.
            InvalidObservationError: The scene returned a value outside its space.
            GodotMarlError: The game failed; `reset` starts a new one.
        """
        if self.options.checks:
            self._action_validator.validate(actions)
        with self._exclusive_use:
            worker, tracker = self._running("step")
            try:
                self._reply = worker.step([{self._slots[name]: action for name, action in actions.items()}])
                outcome = tracker.on_step(self._reply)
            except BaseException as error:
                self._end_after(error)
                raise
        self.live = tracker.live
        return outcome

    def begin_step(self, actions: Mapping[str, Any]) -> None:
        """Send the first half of a step without waiting. Until `finish_step` no other thread may use the arena."""
        if self.options.checks:
            self._action_validator.validate(actions)
        with self._exclusive_use:
            worker, _ = self._running("step")
            try:
                worker.begin_step([{self._slots[name]: action for name, action in actions.items()}])
            except BaseException as error:
                self._end_after(error)
                raise

    def finish_step(self) -> StepResult:
        """Wait for the reply to `begin_step`. A reply that has already arrived never times out."""
        with self._exclusive_use:
            worker, tracker = self._running("step")
            try:
                self._reply = worker.finish()
                outcome = tracker.on_step(self._reply)
            except BaseException as error:
                self._end_after(error)
                raise
        self.live = tracker.live
        return outcome

    # -- Rendering and closing -----------------------------------------------------------------------------------------

    def render(self) -> np.ndarray[Any, Any] | None:
        """Render the arena.

        Returns:
            Uint8 of shape (height, width, 3) for render_mode "rgb_array"; None for "human", which has a window of its
            own, and (with a warning) for None. With `render_path` the image is saved there as well.

        Raises:
            ResetNeededError: There was no reset yet.
        """
        self.check_reset("render")
        mode = self.options.render_mode
        if mode is None:
            gymnasium.logger.warn(
                "render() was called, but the environment was made without a render_mode: make it with "
                "render_mode='rgb_array', which needs no display, or render_mode='human'"
            )
            return None
        if mode == "human" and not self._frames.is_wanted:
            return None
        with self._exclusive_use:
            worker, _ = self._running("render")
            try:
                frame = worker.render()
            except BaseException as error:
                self._end_after(error)
                raise
        self._frames.save(frame)
        return frame if mode == "rgb_array" else None

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self._is_closed = True
        self._end_game(EXIT_TIMEOUT)

    def end(self) -> None:
        """End the game now, without waiting, and start no other. Any thread may call it; `close` must follow."""
        self._is_closed = True
        worker = self._worker
        if worker is not None:
            worker.end()

    def _clear_worker(self) -> None:
        self._worker = None
        self._was_reset = False
        self.live = []

    def _drop_inherited_worker(self) -> None:
        """A forked child starts a game of its own: two processes cannot talk over one socket."""
        if self._worker is not None and self._worker.is_inherited:
            self._clear_worker()

    def _running(self, method: str) -> tuple[Worker, EpisodeTracker]:
        worker, tracker = self._worker, self._tracker
        if worker is None or tracker is None:
            # Another thread may have closed the environment, or lost the game, since the check.
            self._check_open()
            raise reset_needed_error(method)
        return worker, tracker

    def _end_after(self, error: BaseException) -> None:
        """End the game after a fault.

        Raises:
            ClosedEnvironmentError: Another thread closed the environment, which caused the fault.
        """
        self._end_game()
        if self._is_closed and isinstance(error, Exception):
            raise closed_error(self._game) from error

    def _end_game(self, timeout: float = 0.0) -> None:
        """End the game, also after a fault; the next reset starts a new one."""
        worker = self._worker
        try:
            if worker is not None:
                worker.close(timeout)
        finally:
            # Again, in case a second Ctrl-C interrupted close(); clear the worker only afterwards.
            if worker is not None:
                worker.end()
            self._clear_worker()

    def __del__(self) -> None:
        """End the game of an environment that was not closed."""
        # When Python exits, the supervisor ends the game, and threads can no longer be joined.
        if getattr(self, "_worker", None) is not None and not sys.is_finalizing():
            self._end_game()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the options and the handshake, never the process."""
        return {
            **self.__dict__,
            "_worker": None,
            "_reply": None,
            "_was_reset": False,
            "_tracker": None,
            "live": [],
        }

    # -- Checks --------------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            raise closed_error(self._game)

    def check_reset(self, method: str) -> None:
        """Check that there is an episode.

        Raises:
            ClosedEnvironmentError: The environment was closed.
            ResetNeededError: There was no reset, or the game failed since.
        """
        self._check_open()
        self._drop_inherited_worker()
        if not self._was_reset:
            raise reset_needed_error(method)

    def _check_agent(self, agent: str) -> SceneDescription:
        scene = self.scene
        if agent not in self._slots:
            raise errors.InvalidOptionError(
                "There is no agent of this name.",
                where="agent",
                expected=f"one of {', '.join(self._slots)}",
                got=repr(agent),
                remedy="Use a name of possible_agents.",
            )
        return scene
