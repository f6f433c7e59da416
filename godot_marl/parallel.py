"""The scene as a PettingZoo ParallelEnv."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from godot_marl import errors
from godot_marl.actions import check_action, check_names
from godot_marl.codec import LEFT, OBSERVED, TERMINATED, TRUNCATED, Reply
from godot_marl.frames import FrameSaver
from godot_marl.observations import ObservationChecker
from godot_marl.options import RENDER_MODES, Game, Options
from godot_marl.protocol import MAX_SEED, SceneDescription
from godot_marl.worker import Worker

logger = logging.getLogger(__name__)

Infos = dict[str, dict[str, Any]]


class GodotParallelEnv(ParallelEnv[str, Any, Any]):
    """One arena of a Godot scene, all agents stepped at once.

    The game starts when it is first needed: by `possible_agents`, a space, or `reset`. Pickling carries the options and
    what the handshake said, never the game; the copy starts its own.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        options: What `godot_marl.options.Options` lists.

    Attributes:
        agents: The agents whose episode goes on, in the order of `possible_agents`.
        render_mode: None, "human" or "rgb_array".
    """

    def __init__(self, game: Game = None, **options: Any) -> None:
        self._game = game
        self._options = Options.of(options)
        self.render_mode = self._options.render_mode
        self.metadata: dict[str, Any] = {
            "name": Path(os.fspath(game)).name if game is not None else "godot",
            "render_modes": list(RENDER_MODES),
            "render_fps": 60.0,
            "is_parallelizable": True,
        }
        self.agents: list[str] = []
        self._worker: Worker | None = None
        self._scene: SceneDescription | None = None
        self._was_reset = False
        self._is_closed = False
        self._reply: Reply | None = None
        self._last_observations: dict[str, Any] = {}
        self._steps = 0
        self._rng, _ = seeding.np_random(self._options.seed)
        self._frames = FrameSaver(self._options.render_path)

    # -- What the scene is ---------------------------------------------------------------------------------------------

    def start(self) -> SceneDescription:
        """Start the game if it does not run, and return what the handshake said.

        Raises:
            ClosedEnvironmentError: The environment was closed.
            GodotMarlError: The game could not be started; the type tells why.
        """
        self._check_open()
        if self._worker is None:
            worker = Worker(self._game, self._options)
            self._take_scene(worker.start())
            self._worker = worker
        assert self._scene is not None
        return self._scene

    def _take_scene(self, scene: SceneDescription) -> None:
        self._scene = scene
        self._slots = {agent.name: slot for slot, agent in enumerate(scene.agents)}
        self._observation_spaces = {
            agent.name: spaces.Dict(
                observation=agent.observation_space,
                action_mask=spaces.Box(0, 1, (agent.action_mask,), np.int8),
            )
            if agent.action_mask and self._options.mask_in_observation
            else agent.observation_space
            for agent in scene.agents
        }
        self._checker = ObservationChecker(scene)
        self.metadata["render_fps"] = scene.physics_fps / scene.step_length

    def _known_scene(self) -> SceneDescription:
        return self._scene if self._scene is not None else self.start()

    @property
    def possible_agents(self) -> list[str]:
        """The names of all agents that can ever be there, in tree order."""
        return [agent.name for agent in self._known_scene().agents]

    @property
    def policies(self) -> dict[str, str]:
        """Which policy each agent shares, by agent name."""
        return {agent.name: agent.policy for agent in self._known_scene().agents}

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's observations; the same object at each call."""
        self._check_agent(agent)
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        """The space of an agent's actions; the same object at each call."""
        scene = self._check_agent(agent)
        return scene.agents[self._slots[agent]].action_space

    @property
    def state_space(self) -> spaces.Space[Any]:
        """The space of `state`. Raises AttributeError for a scene without one, as PettingZoo expects."""
        space = self._known_scene().state_space
        if space is None:
            raise AttributeError("the scene has no state space: its root node has no get_state()")
        return space

    def state(self) -> Any:
        """The state of the whole arena at the last reset or step.

        Raises:
            ResetNeededError: There was no reset yet.
            SceneError: The scene's root has no get_state().
        """
        self._check_reset("state")
        if self._known_scene().state_space is None:
            raise errors.SceneError(
                "The scene has no state.",
                where="the root node of the arena",
                expected="the methods get_state() and get_state_space()",
                got="neither",
                remedy="Add them to the script of the scene's root node.",
            )
        assert self._worker is not None
        assert self._reply is not None
        return self._worker.layout.state(self._reply, 0)

    # -- Episodes ------------------------------------------------------------------------------------------------------

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Infos]:
        """Begin an episode.

        Args:
            seed: 0 to 2**63 - 1. The scene gets it, and each agent its own one made of it. None: one is drawn.
            options: What the scene's `set_options` gets.

        Returns:
            Observations and infos by agent. Each info holds the `seed` that the scene got.

        Raises:
            InvalidOptionError: The seed is out of range, or the scene rejects an option.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        if seed is not None:
            if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= MAX_SEED:
                raise errors.InvalidOptionError(
                    "The seed is out of range.",
                    where="seed",
                    expected=f"an integer from 0 to {MAX_SEED}",
                    got=repr(seed),
                )
            self._rng, _ = seeding.np_random(int(seed))
        scene = self.start()
        episode_seed = int(seed) if seed is not None else int(self._rng.integers(2**31))
        if options and not scene.takes_options:
            logger.debug("nothing in the scene has set_options; these options reach nobody: %s", options)
        with self._worker_at_work() as worker:
            reply = worker.reset({0: (episode_seed, options or {})})
        self._was_reset = True
        self._steps = 0
        self._reply = reply
        flags = reply.flags[0].tolist()
        self.agents = [name for name, slot in self._slots.items() if flags[slot] & OBSERVED]
        observations = {name: self._observe(reply, name) for name in self.agents}
        infos = self._infos(reply, self.agents)
        for info in infos.values():
            info["seed"] = episode_seed
        self._last_observations = dict(observations)
        return observations, infos

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        """Let every live agent act, and the game go on by `step_length` physics frames.

        Args:
            actions: One for each live agent; those of finished agents are ignored.

        Returns:
            Observations, rewards, terminations, truncations and infos of the agents that were live. All are empty when
            no agent was.

        Raises:
            ClosedEnvironmentError, ResetNeededError: There is no episode.
            InvalidActionError: An action is missing, belongs to no agent, or is outside its space.
            InvalidObservationError: The scene answered something that is not in its space.
            GodotMarlError: The game failed; `reset` starts it again.
        """
        self._check_reset("step")
        if not self.agents:
            return {}, {}, {}, {}, {}
        check_names(actions, self.agents, self._slots)
        if self._options.checks:
            for name in self.agents:
                check_action(name, self.action_space(name), actions[name])
        with self._worker_at_work() as worker:
            reply = worker.step([{self._slots[name]: actions[name] for name in self.agents}])
        self._reply = reply
        self._steps += 1
        return self._take_step(reply)

    def _take_step(
        self, reply: Reply
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], Infos]:
        acted = self.agents
        flags = reply.flags[0].tolist()
        observations: dict[str, Any] = {}
        terminations, truncations = {}, {}
        over_time = self._options.max_episode_steps is not None and self._steps >= self._options.max_episode_steps
        infos = self._infos(reply, acted)
        for name in acted:
            flag = flags[self._slots[name]]
            if flag & OBSERVED:
                observations[name] = self._observe(reply, name)
            elif flag & LEFT:
                observations[name] = self._last_observations[name]
                infos[name]["left"] = True
            else:
                raise self._lost_agent(name)
            terminations[name] = bool(flag & TERMINATED)
            truncations[name] = bool(flag & TRUNCATED) or (over_time and not terminations[name])
        rewards = dict(zip(acted, self._checker.rewards(reply, [self._slots[name] for name in acted]), strict=True))
        self.agents = [name for name in acted if not (terminations[name] or truncations[name])]
        self._last_observations = observations
        return dict(observations), rewards, terminations, truncations, infos

    def _observe(self, reply: Reply, name: str) -> Any:
        assert self._worker is not None
        slot = self._slots[name]
        observation = self._worker.layout.observation(reply, 0, slot)
        if self._options.checks:
            try:
                self._checker.check(slot, observation)
            except errors.InvalidObservationError:
                self._drop_worker()
                raise
        mask = self._worker.layout.mask(reply, 0, slot)
        if mask is not None and self._options.mask_in_observation:
            return {"observation": observation, "action_mask": mask}
        return observation

    def _infos(self, reply: Reply, names: list[str]) -> Infos:
        assert self._worker is not None
        infos: Infos = {name: dict(reply.infos[0].get(name, {})) for name in names}
        for name in names:
            mask = self._worker.layout.mask(reply, 0, self._slots[name])
            if mask is not None:
                infos[name]["action_mask"] = mask
        return infos

    # -- Pictures and the end ------------------------------------------------------------------------------------------

    def render(self) -> np.ndarray[Any, Any] | None:
        """The current frame.

        Returns:
            Uint8 of shape (height, width, 3) for render_mode "rgb_array"; None for "human", which shows itself, and
            (with a warning) for None. With `render_path` the frame is saved there, too.

        Raises:
            ResetNeededError: There was no reset yet.
        """
        self._check_reset("render")
        if self.render_mode is None:
            gymnasium.logger.warn("render() was called, but the environment was made without a render_mode")
            return None
        if self.render_mode == "human" and not self._frames.is_wanted:
            return None
        with self._worker_at_work() as worker:
            frame = worker.render()
        self._frames.save(frame)
        return frame if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """End the game. Safe to call twice."""
        self._is_closed = True
        self._drop_worker(patiently=True)

    def _drop_worker(self, *, patiently: bool = False) -> None:
        worker, self._worker = self._worker, None
        self._was_reset = False
        self.agents = []
        if worker is not None:
            worker.close(**({} if patiently else {"patience": 0.0}))

    @contextlib.contextmanager
    def _worker_at_work(self) -> Any:
        assert self._worker is not None
        try:
            yield self._worker
        except BaseException:
            self._drop_worker()
            raise

    def __del__(self) -> None:
        """End the game with the object, for those who forget to close."""
        # At Python's own end its supervisor does that, and threads can no longer be waited for.
        if getattr(self, "_worker", None) is not None and not sys.is_finalizing():
            self._drop_worker()

    def __getstate__(self) -> dict[str, Any]:
        """Carry options and handshake, never the game."""
        return {
            **self.__dict__,
            "_worker": None,
            "_reply": None,
            "_was_reset": False,
            "_last_observations": {},
            "agents": [],
        }

    # -- Checks --------------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            raise errors.ClosedEnvironmentError(
                "The environment was closed.", where=str(self.metadata["name"]), remedy="Make a new one."
            )

    def _check_reset(self, method: str) -> None:
        self._check_open()
        if not self._was_reset:
            raise errors.ResetNeededError(
                f"{method}() was called before reset().",
                where=f"{method}()",
                expected="a call of reset() first",
                got="none, or the game failed since",
                remedy="Call reset().",
            )

    def _check_agent(self, agent: str) -> SceneDescription:
        scene = self._known_scene()
        if agent not in self._slots:
            raise errors.InvalidOptionError(
                "There is no agent of this name.",
                where="agent",
                expected=f"one of {', '.join(self._slots)}",
                got=repr(agent),
            )
        return scene

    def _lost_agent(self, name: str) -> errors.ProtocolError:
        self._drop_worker()
        return errors.ProtocolError(
            "The game did not answer for an agent that acted.",
            where=name,
            expected="an observation, or that it left (docs/protocol.md, clause 6.3)",
            got="neither",
        )


def parallel_env(game: Game = None, **options: Any) -> GodotParallelEnv:
    """Make a PettingZoo ParallelEnv of a Godot scene.

    Args:
        game: A project folder, an exported executable, or a .pck file. None waits for a game that the user starts.
        **options: See `godot_marl.options.Options`.

    Raises:
        InvalidOptionError: An option is unknown, or its value cannot work.
    """
    return GodotParallelEnv(game, **options)
