"""Padded environments compared with the plain ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import supersuit
from gymnasium.utils.env_checker import data_equivalence
from pettingzoo import ParallelEnv
from scheduled import action_of, play_plain
from stable_baselines3.common.vec_env import VecEnv

import godot_marl
from godot_marl.wrappers import blank_observation

EMPTY: tuple[dict[str, Any], ...] = ({}, {}, {}, {}, {})


def check_padded(padded: godot_marl.PaddedEnv, plain: list[Any], **how: Any) -> None:
    """Play the padded environment and compare it with an episode of the plain one, row by row."""
    names = padded.possible_agents
    observations, infos = padded.reset(**how)
    there = list(plain[0][0])
    assert list(observations) == names
    assert data_equivalence({name: observations[name] for name in there}, plain[0][0])
    assert data_equivalence({name: infos[name] for name in there}, plain[0][1])
    check_blanks(padded, {name: observations[name] for name in names if name not in there})
    assert all(infos[name] == {"active": False} for name in names if name not in there)
    returns, lengths = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    for step, expected in enumerate(plain[1:], start=1):
        assert padded.agents == names
        acting = padded.env.agents
        answer = padded.step({name: action_of(padded, name, step) if name in acting else None for name in names})
        assert [set(part) for part in answer] == [set(names)] * 5
        active = [name for name in names if answer[4][name]["active"]]
        assert set(active) == set(expected[0])
        assert data_equivalence({name: answer[0][name] for name in expected[0]}, expected[0])
        for got, wanted in zip(answer[1:4], expected[1:4], strict=True):
            assert {name: got[name] for name in active} == wanted
        for name in active:
            info = dict(answer[4][name])
            returns[name] += answer[1][name]
            lengths[name] += name in acting
            del info["active"]
            if answer[2][name] or answer[3][name]:
                assert data_equivalence(info.pop("terminal_observation"), expected[0][name])
                assert info.pop("TimeLimit.truncated") is (not answer[2][name])
                assert info.pop("episode") == {"r": pytest.approx(returns[name]), "l": lengths[name]}
            assert data_equivalence(info, expected[4][name])
        idle = [name for name in names if name not in active]
        check_blanks(padded, {name: answer[0][name] for name in idle})
        is_last = step == len(plain) - 1
        assert all((answer[1][name], answer[2][name], answer[3][name]) == (0.0, is_last, False) for name in idle)
        assert all(answer[4][name] == {"active": False} for name in idle)
        assert all(answer[0][name] in padded.observation_space(name) for name in names)
    assert padded.agents == []
    assert padded.step({}) == EMPTY


def check_blanks(padded: godot_marl.PaddedEnv, observations: dict[str, Any]) -> None:
    for name, observation in observations.items():
        assert observation in padded.observation_space(name)
        assert data_equivalence(observation, blank_observation(padded.observation_space(name), name))


def vector_of(env: ParallelEnv, copies: int) -> VecEnv:
    vector = supersuit.pettingzoo_env_to_vec_env_v1(env)
    return supersuit.concat_vec_envs_v1(vector, copies, base_class="stable_baselines3")


def check_vector(vector: VecEnv, plain: ParallelEnv, copies: int, episodes: int) -> None:
    """Compare copies of a padded environment, which reset by themselves, with the plain one."""
    names = plain.possible_agents
    answers = [play_plain(plain) for _ in range(episodes + 1)]
    rows = vector.reset()
    for episode in range(episodes):
        check_rows(rows, names, answers[episode][0][0], copies)
        ended: set[str] = set()
        for step, expected in enumerate(answers[episode][1:], start=1):
            actions = [action_of(plain, name, step) for name in names] * copies
            rows, rewards, dones, infos = vector.step(np.array(actions))
            is_last = step == len(answers[episode]) - 1
            check_rows(rows, names, answers[episode + 1][0][0] if is_last else expected[0], copies)
            for i, name in enumerate(names * copies):
                is_end = name in expected[0] and (expected[2][name] or expected[3][name])
                assert rewards[i] == pytest.approx(expected[1].get(name, 0.0))
                assert dones[i] == (is_end or is_last)
                assert ("episode" in infos[i]) == is_end
                assert infos[i].get("TimeLimit.truncated", False) == (is_end and not expected[2][name])
                if is_end:
                    assert data_equivalence(infos[i]["terminal_observation"], expected[0][name])
                    ended.add(name)
                else:
                    assert name in expected[0] or infos[i]["active"] is False
        assert ended == {name for part in answers[episode] for name in part[0]}


def check_rows(rows: Any, names: list[str], expected: dict[str, Any], copies: int) -> None:
    for i, name in enumerate(names * copies):
        if name in expected:
            assert data_equivalence(rows[i], expected[name])
