"""The conformance suite on sound scenes, and on scenes with one mistake each, on the real engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from godot_marl.errors import GameNotFoundError, InvalidOptionError
from godot_marl.testing import PARTS, Finding, Level, Report, check_scene

pytestmark = pytest.mark.godot

STEPS = 30
PLAYS = r"ok       plays        30 steps of random actions in 3 episodes, up to (\d+) times as fast as real time\."


def check(scenes: Path, scene: str, *parts: str) -> Report:
    """Check a scene: what always is, and these parts."""
    skip = set(PARTS) - set(parts)
    return check_scene(scenes, scene=f"{scene}.tscn", steps=STEPS, skip=skip)


def found(report: Report, level: Level) -> list[Finding]:
    return [finding for finding in report.findings if finding.level is level]


@pytest.fixture(scope="module")
def sound(scenes: Path) -> Report:
    return check(scenes, "check_good", *PARTS)


def test_a_sound_scene_passes(sound: Report) -> None:
    sound.raise_for_faults()
    assert sound.passed
    assert not found(sound, Level.WARNING)
    text = str(sound)
    for line in (
        "AGENT    NODE              POLICY   OBSERVATION               ACTION      MASK",
        "right_0  /root/Good/Right  picky    Box 2 float32, -12 to 12  Discrete 2  -",
        "state  Box 2 float32, -12 to 12",
        "ok       ends         Episodes end, after 12 to 12 steps.",
        "ok       pettingzoo   parallel_api_test passes.",
        "ok       pettingzoo   api_test passes.",
        "ok       pettingzoo   state_test passes.",
        "ok       pettingzoo   seed_test passes.",
        "ok       repeats      5 episodes are exactly the same in another process.",
        "ok       repeats      An episode is exactly the same after a reset.",
        "ok       copies       Three copies in one process each play exactly as a single one.",
        "no faults, no warnings, 2 notes",
    ):
        assert line in text.splitlines()


def test_random_play_says_how_fast_it_was_against_the_scenes_own_clock(scenes: Path, sound: Report) -> None:
    # A step of this scene is one physics frame: at one frame a second, the same steps are 60 times as much of the game.
    slow = check_scene(scenes, scene="check_good.tscn", steps=STEPS, skip=set(PARTS), physics_fps=1)
    speeds = [int(re.findall(PLAYS, str(report))[0]) for report in (sound, slow)]
    assert speeds[0] > 1
    assert speeds[1] > 5 * speeds[0]


def test_a_scene_without_agents_at_first_has_no_speed(scenes: Path) -> None:
    report = check(scenes, "herd_none_at_first")
    assert "ok       plays        0 steps of random actions in 1 episode." in str(report).splitlines()


def test_the_warnings_of_pettingzoo_that_are_normal_are_notes(sound: Report) -> None:
    assert [finding.what for finding in found(sound, Level.NOTE)] == [
        "api_test warns: Observation numpy array is all zeros. Normal for a scene that begins at its origin.",
        "state_test warns: State numpy array is all zeros. Normal for a scene that begins at its origin.",
    ]


@pytest.mark.parametrize(
    ("scene", "check_name", "what", "where", "remedy", "part"),
    [
        (
            "check_out_of_bounds",
            "values",
            "In step 5 the observation of agent_0[1] is 15.0, not 0.0 to 12.0.",
            "/root/OutOfBounds/Agent.get_observation()",
            "Widen the bounds in get_observation_space()",
            None,
        ),
        (
            "check_infinite_reward",
            "values",
            "In step 5 the reward of agent_0 is inf.",
            "/root/InfiniteReward/Agent.get_reward()",
            "Look for a division by zero",
            None,
        ),
        (
            "check_mask",
            "values",
            "In step 3 the mask of agent_0 forbids every action.",
            "/root/Mask/Agent.get_action_mask()",
            "Allow at least one action",
            None,
        ),
        (
            "check_nan",
            "plays",
            "The observation of agent agent_0 is not in its space. Expected numbers; got nan at [1].",
            "/root/Nan/Agent.get_observation()",
            "Look for a division by zero",
            None,
        ),
        (
            "check_fails",
            "plays",
            "A script of the game failed: Cannot call method 'get' on a null value.",
            "res://check_fails.gd:6, in get_reward()",
            "Fix the script.",
            None,
        ),
        (
            "check_unseeded",
            "repeats",
            "The same seeds and actions give other episodes in another process: in episode 1, in step 1, the "
            "observation of agent_0[0] is ",
            "/root/Unseeded/Agent.get_observation()",
            "look for randomize()",
            "repeats",
        ),
        (
            "check_global_random",
            "copies",
            "The scene reaches outside its own subtree: three copies in one process do not play as a single one. "
            "In copy 1, right after the reset, the observation of agent_0[0] is ",
            "/root/GlobalRandom/Agent.get_observation()",
            "randf() and other global random numbers",
            "copies",
        ),
        (
            "check_outside",
            "copies",
            "The scene reaches outside its own subtree; when copied, it fails: ",
            "res://check_outside.gd:",
            "Look for paths that begin with /root/",
            "copies",
        ),
        (
            "check_group",
            "copies",
            "In copy 2, in step 1, the observation of agent_0[0] is ",
            "/root/Group/Agent.get_observation()",
            "global groups",
            "copies",
        ),
        (
            "check_static",
            "copies",
            "In copy 1, in step 1, the reward of agent_0 is 3.0 instead of 1.0.",
            "/root/Static/Agent.get_reward()",
            "static variables",
            "copies",
        ),
        (
            "check_pauses",
            "copies",
            "the observation of agent_0[0] is ",
            "/root/Pauses/Agent.get_observation()",
            "get_tree().paused",
            "copies",
        ),
    ],
)
def test_a_mistake_is_found_and_the_message_says_where_and_what_to_do(
    scenes: Path, scene: str, check_name: str, what: str, where: str, remedy: str, part: str | None
) -> None:
    report = check(scenes, scene, *([part] if part else []))
    (fault,) = report.faults
    assert fault.check == check_name
    assert what in fault.what
    assert fault.where.startswith(where)
    assert remedy in fault.remedy
    with pytest.raises(AssertionError) as caught:
        report.raise_for_faults()
    assert fault.what in str(caught.value)


def test_a_reset_that_forgets_is_a_warning(scenes: Path) -> None:
    report = check(scenes, "check_reset_forgets", "repeats")
    assert report.passed
    (warning,) = found(report, Level.WARNING)
    assert warning.what.startswith(
        "The same seed and actions give another episode after a reset: right after the reset, the observation of "
        "agent_0[0] is "
    )
    assert warning.where == "/root/ResetForgets/Agent.get_observation()"
    assert "in reset()" in warning.remedy


def test_a_scene_that_restarts_itself_is_a_warning(scenes: Path) -> None:
    report = check(scenes, "check_restarts")
    (warning,) = found(report, Level.WARNING)
    assert warning.what == (
        "The last observation of agent_0 always equals the first one of its episode: the scene seems to reset itself."
    )
    assert warning.where == "/root/Restarts/Agent"


def test_properties_that_are_no_mistakes_are_notes(scenes: Path) -> None:
    report = check(scenes, "check_endless")
    assert report.passed
    assert [(note.what, note.remedy.split(",")[0]) for note in found(report, Level.NOTE)] == [
        ("The observations of agent_0 have no finite bounds.", "No change is needed; bounds help trainers that "
         "scale observations by them."),
        ("No episode ended within 30 steps.", "If an episode can be endless"),
        ("No action changed the observations of agent_0.", "Check that apply_action() has an effect"),
    ]  # fmt: skip


def test_half_an_agent_is_a_warning(scenes: Path) -> None:
    report = check(scenes, "half_and_whole")
    (warning,) = found(report, Level.WARNING)
    assert warning.check == "scene"
    assert "it lacks " in warning.what


def test_turns_pass_and_are_not_copied(scenes: Path) -> None:
    report = check(scenes, "turns", "pettingzoo", "copies")
    report.raise_for_faults()
    assert [finding.what for finding in report.of_check("copies")] == [
        "Not compared: the agents take turns, and copies would wait for one another."
    ]
    assert "api_test passes." in [finding.what for finding in report.findings]
    assert "parallel_api_test passes." not in [finding.what for finding in report.findings]


def test_a_branch_that_is_no_scene_is_not_copied(scenes: Path) -> None:
    report = check(scenes, "check_branch", "copies")
    report.raise_for_faults()
    (note,) = report.of_check("copies")
    assert (note.level, note.where) == (Level.NOTE, "the bridge's arena_root")


def test_a_scene_without_agents_at_first_is_a_note(scenes: Path) -> None:
    report = check(scenes, "herd_none_at_first", "pettingzoo", "copies")
    report.raise_for_faults()
    assert "Not run: PettingZoo's tests need an agent after a reset." in str(report)


@pytest.mark.parametrize("scene", ["check_bodies", "sensor_settled", "calls", "team"])
def test_copies_play_as_one_alone_in_both_worlds_and_from_the_first_frame(scenes: Path, scene: str) -> None:
    report = check(scenes, scene, "copies")
    assert [finding.what for finding in report.of_check("copies")] == [
        "Three copies in one process each play exactly as a single one."
    ]


def test_what_pettingzoo_cannot_test_is_a_note(scenes: Path) -> None:
    report = check(scenes, "echo", "pettingzoo")
    report.raise_for_faults()
    assert any("api_test stopped: it does not support Tuple spaces" in note.what for note in found(report, Level.NOTE))


def test_births_pass(scenes: Path) -> None:
    check(scenes, "herd", "pettingzoo", "copies").raise_for_faults()


def test_a_game_that_does_not_start_is_an_exception(scenes: Path) -> None:
    with pytest.raises(GameNotFoundError):
        check_scene(scenes, scene="nowhere.tscn")


@pytest.mark.parametrize("options", [{"steps": 0}, {"skip": ["all"]}, {"sceen": "a.tscn"}])
def test_an_option_that_cannot_work_is_refused(scenes: Path, options: dict[str, object]) -> None:
    with pytest.raises(InvalidOptionError):
        check_scene(scenes, **options)  # type: ignore[arg-type]
