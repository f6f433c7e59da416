"""The encrypted connection, with the real engine."""

from __future__ import annotations

import pickle
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from by_hand import ByHand, free_port
from certificates import Authority
from processes import MARK, leaves_nothing, marked, new_mark, signal_all
from waiting import TLS_NEEDED, Waiting, listening, soon

import godot_marl
from godot_marl import errors
from godot_marl.parallel import GodotParallelEnv
from godot_marl.transport.connection import Connection
from godot_marl.transport.tls import server_context

MakeEnv = Callable[..., GodotParallelEnv]
VARIABLE = "GODOT_MARL_CERTIFICATE"


@pytest.fixture
def waiting(pair: tuple[str, str]) -> Iterator[Waiting]:
    with listening(tls=server_context(pair)) as waiting:
        yield waiting


@pytest.fixture
def trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python starts trusts the authority."""
    monkeypatch.setenv(VARIABLE, str(authority.file))


def episode(env: GodotParallelEnv) -> list[Any]:
    rng = np.random.default_rng(3)
    answers = [env.reset(seed=5)]
    for _ in range(20):
        actions = {name: env.action_space(name) for name in env.agents}
        for name in sorted(actions):
            actions[name].seed(int(rng.integers(2**31)))
        answers.append(env.step({name: space.sample() for name, space in actions.items()}))
        if not env.agents:
            break
    return answers


@pytest.mark.godot
@pytest.mark.parametrize("scene", ["echo", "panorama", "chooser"])
def test_an_episode_is_the_same_bit_for_bit_with_and_without_encryption(
    make: MakeEnv, pair: tuple[str, str], trusting: None, scene: str
) -> None:
    plain, encrypted = episode(make(scene)), episode(make(scene, ssl=pair))
    assert len(plain) > 3
    assert pickle.dumps(plain) == pickle.dumps(encrypted)


@pytest.mark.godot
def test_a_custom_ssl_context_and_a_host_name(make: MakeEnv, authority: Authority, trusting: None) -> None:
    context = server_context(authority.pair("localhost"))
    env = make("walker", ssl=context, host="localhost")
    env.reset(seed=1)
    assert env.step({"walker_0": 2})[0]["walker_0"].item() == 1.0


@pytest.mark.godot
@pytest.mark.parametrize("wrong", ["another authority", "expired", "another host"])
def test_a_certificate_that_the_game_does_not_trust_ends_it_with_the_reason(
    make: MakeEnv, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(authority.file))
    told = "bad_certificate"
    if wrong == "another authority":
        other, told = Authority(tmp_path).pair("127.0.0.1"), "unknown_ca"
    elif wrong == "expired":
        year = [datetime(2020 + i, 1, 1, tzinfo=UTC) for i in (0, 1)]
        told = "certificate_expired"
        other = authority.pair("127.0.0.1", not_before=year[0], not_after=year[1])
    else:
        other = authority.pair("other.invalid")
    begin = time.monotonic()
    with pytest.raises(errors.GameExitedError) as error:
        make("walker", ssl=other).reset()
    assert time.monotonic() - begin < 10.0
    got = error.value.got or ""
    assert "the certificate there is not trusted here, has expired or is for another host than 127.0.0.1" in got
    assert "Python rejected a connection: the TLS handshake failed" in got
    assert told in got


@pytest.mark.godot
def test_a_file_that_is_no_certificate_ends_the_game_with_the_reason(
    make: MakeEnv, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, __file__)
    with pytest.raises(errors.GameExitedError, match=f"{VARIABLE} names .*, which is not a certificate"):
        make("walker", ssl=pair).reset()


@pytest.mark.godot
def test_a_killed_game_is_detected_through_tls(
    make: MakeEnv, pair: tuple[str, str], trusting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = new_mark()
    monkeypatch.setenv(MARK, mark)
    env = make("walker", ssl=pair)
    env.reset(seed=1)
    signal_all(marked(mark)["game"], signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(errors.GameExitedError) as error:
        env.step({"walker_0": 1})
    assert time.monotonic() - begin < 5.0
    assert error.value.exit_status == -signal.SIGKILL
    assert leaves_nothing(mark)


@pytest.mark.godot
def test_a_game_that_waits_on_tls_ends_with_its_python(by_hand: ByHand, waiting: Waiting, authority: Authority) -> None:
    future = waiting.accept(seconds=30)
    game = by_hand("walker", GODOT_MARL_URL=waiting.url, **{VARIABLE: str(authority.file)})
    link = future.result(30)
    assert "hello" in str(link.receive(soon()))
    # Without a word.
    link._socket.close()
    output, _ = game.communicate(timeout=5)
    assert game.returncode == 0, output


@pytest.mark.godot
def test_clients_without_tls_change_nothing_and_get_the_reason(
    by_hand: ByHand, authority: Authority, pair: tuple[str, str]
) -> None:
    port = free_port()
    env = godot_marl.parallel_env(port=port, ssl=pair, start_timeout=30)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(env.reset, seed=1)
        plain = by_hand("walker", GODOT_MARL_URL=f"ws://127.0.0.1:{port}")
        output, _ = plain.communicate(timeout=20)
        assert plain.returncode == 1
        assert output.splitlines()[-1].endswith(f"it answered HTTP/1.1 400 {TLS_NEEDED}")
        by_hand("walker", GODOT_MARL_URL=f"wss://127.0.0.1:{port}", **{VARIABLE: str(authority.file)})
        started.result(30)
    assert env.step({"walker_0": 2})[0]["walker_0"].item() == 1.0
    env.close()


@pytest.mark.godot
def test_a_game_that_wants_tls_where_there_is_none_says_so(by_hand: ByHand) -> None:
    with listening() as waiting:
        future = waiting.accept(seconds=20)
        game = by_hand("by_hand", GODOT_MARL_URL=waiting.url.replace("ws:", "wss:"))
        output, _ = game.communicate(timeout=10)
        assert game.returncode == 1
        assert "or the server there does not use TLS" in output.splitlines()[-1]
        waiting.client()
        assert isinstance(future.result(10), Connection)
