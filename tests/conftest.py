"""What all tests share: the real engine, and the project of test scenes."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from by_hand import ByHand
from certificates import Authority
from hypothesis import HealthCheck, settings
from person import Person
from processes import MARK, new_mark
from pyvirtualdisplay.display import Display

import godot_marl
from godot_marl.assets.install import install_addon
from godot_marl.engine import Engine, find_engine
from godot_marl.game.project import Project
from godot_marl.parallel import GodotParallelEnv

TESTS = Path(__file__).parent
PROJECT = TESTS / "godot_project"
# A test that uses one of these fixtures starts Godot.
STARTS_GODOT = {"engine", "scenes", "make", "by_hand"}

# How long an example takes says more of the machine than of the code: each test has a timeout instead.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--nightly`: fuzzing, cycles and losses of workers in their long forms. `--fuzz-seed`: a fuzzer again."""
    parser.addoption("--nightly", action="store_true", help="Run the long forms: more messages, more cycles.")
    parser.addoption("--fuzz-seed", type=int, metavar="N", help="Feed the messages of this seed, which a report names.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check that each test lies where it belongs, and leave tests that are long forms alone to `--nightly`."""
    if misplaced := list(filter(None, map(misplacement, items))):
        raise pytest.UsageError(*misplaced)
    if config.getoption("--nightly"):
        return
    late = [item for item in items if item.get_closest_marker("nightly")]
    config.hook.pytest_deselected(items=late)
    items[:] = [item for item in items if item not in late]


def misplacement(item: pytest.Item) -> str | None:
    """What is wrong with the place or the marker of a test: tests/unit needs no Godot, tests/integration does."""
    if not item.path.is_relative_to(TESTS):
        return None
    folder = item.path.relative_to(TESTS).parts[0]
    is_marked = item.get_closest_marker("godot") is not None
    # A parameter hides a fixture of the same name.
    fixtures = {*getattr(item, "fixturenames", ())} - {*getattr(getattr(item, "callspec", None), "params", ())}
    used = ", ".join(sorted(fixtures & STARTS_GODOT))
    if folder == "unit" and (is_marked or used):
        reason = f"uses the fixture {used}" if used else "carries the marker godot"
        return f"{item.nodeid} {reason}, but tests/unit needs no Godot: move the test to tests/integration"
    if used and not is_marked:
        return f"{item.nodeid} uses the fixture {used}: mark the test with pytest.mark.godot"
    if folder == "integration" and not is_marked:
        return (
            f"{item.nodeid} does not carry the marker godot: move the test to tests/unit, or mark it if it runs Godot"
        )
    return None


@pytest.fixture(scope="session")
def nightly(pytestconfig: pytest.Config) -> bool:
    """True for the long forms."""
    return bool(pytestconfig.getoption("--nightly"))


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs that tests start, even where a shell runs the tests in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The real Godot. A machine without one fails these tests; it never skips them."""
    return find_engine()


@pytest.fixture(scope="session")
def scenes(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project of test scenes, with the addon in it, imported."""
    folder = tmp_path_factory.mktemp("project") / "scenes"
    shutil.copytree(PROJECT, folder)
    install_addon(folder)
    Project(folder).imported(engine)
    return folder


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """What only the processes that the test starts have in their environment."""
    value = new_mark()
    monkeypatch.setenv(MARK, value)
    monkeypatch.delenv("FAULT", raising=False)
    return value


@pytest.fixture
def make(scenes: Path) -> Iterator[Callable[..., GodotParallelEnv]]:
    """Make a parallel environment of a test scene; it is closed when the test ends."""
    made: list[GodotParallelEnv] = []

    def make_one(scene: str, **options: Any) -> GodotParallelEnv:
        env = godot_marl.parallel_env(scenes, scene=f"{scene}.tscn", **options)
        made.append(env)
        return env

    yield make_one
    for env in made:
        env.close()


@pytest.fixture
def by_hand(engine: Engine, scenes: Path) -> Iterator[ByHand]:
    """Start test scenes by hand; they are ended when the test ends."""
    start = ByHand(engine, scenes)
    yield start
    start.end()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """What signs test certificates."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def pair(authority: Authority) -> tuple[str, str]:
    """The files of a certificate of this machine and of its key."""
    return authority.pair("127.0.0.1", "localhost")


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A display for windows."""
    with Display(backend="xvfb", size=(1920, 1080), use_xauth=False, manage_global_env=False) as virtual:
        monkeypatch.setenv("DISPLAY", virtual.new_display_var)
        yield virtual.new_display_var


@pytest.fixture
def person(display: str) -> Iterator[Person]:
    """The person at the display."""
    with Person(display) as person:
        yield person
