"""The findings of the checks, and their text."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

from godot_marl.errors import GodotMarlError
from godot_marl.protocol.messages import SceneDescription
from godot_marl.testing.space_values import describe_space


class Level(enum.Enum):
    """The severity of a finding. Only a fault fails the suite."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    FAULT = "FAULT"


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    Attributes:
        check: The check's name.
        level: The severity.
        what: The result, in one or two sentences.
        where: The node path and method, the file or the test that it concerns; empty for the whole scene.
        remedy: What the scene's author can do; empty where no action is needed.
    """

    check: str
    level: Level
    what: str
    where: str = ""
    remedy: str = ""

    @property
    def passed(self) -> bool:
        """Whether the finding is not a fault."""
        return self.level is not Level.FAULT

    @classmethod
    def of_error(cls, check: str, error: GodotMarlError, prefix: str = "") -> Finding:
        """Convert an error of the game to a fault."""
        what = prefix + error.what
        if error.expected and error.got:
            what += f" Expected {error.expected}; got {error.got}."
        elif error.got:
            what += f" Got {error.got}."
        return cls(check, Level.FAULT, what, error.where or "", error.remedy or "")

    def __str__(self) -> str:
        lines = [f"{self.level.value:<7}  {self.check:<11}  {self.what}"]
        for label, text in (("where", self.where), ("what to do", self.remedy)):
            if text:
                lines.append(f"{'':<22}{label}: {text}")
        return "\n".join(lines)


@dataclass
class Report:
    """The findings of the suite in one scene.

    Attributes:
        game: The game, as the caller named it.
        scene: The scene's description, from the handshake.
        findings: The findings, in the order of the checks.
    """

    game: str
    scene: SceneDescription
    findings: list[Finding] = field(default_factory=list)

    @property
    def faults(self) -> list[Finding]:
        """The findings that fail the suite."""
        return [finding for finding in self.findings if not finding.passed]

    @property
    def passed(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    def of_check(self, check: str) -> list[Finding]:
        """Return the findings of one check."""
        return [finding for finding in self.findings if finding.check == check]

    def raise_for_faults(self) -> None:
        """Fail a test if the suite found a fault.

        Raises:
            AssertionError: There are faults; the message lists all of them.
        """
        if self.faults:
            raise AssertionError("\n".join([f"{self.game}: {self.summary()}", *map(str, self.faults)]))

    def summary(self) -> str:
        """Return the numbers of faults, warnings and notes as text."""
        counts = {level: sum(finding.level is level for finding in self.findings) for level in Level}
        words = {Level.FAULT: "fault", Level.WARNING: "warning", Level.NOTE: "note"}
        parts = [f"{counts[level] or 'no'} {word}{'' if counts[level] == 1 else 's'}" for level, word in words.items()]
        return ", ".join(parts)

    def __str__(self) -> str:
        return "\n".join([describe_scene(self.game, self.scene), "", *map(str, self.findings), "", self.summary()])


def describe_scene(game: str, scene: SceneDescription) -> str:
    """Return a heading and a table of the agents as text."""
    agents = "agent" if len(scene.agents) == 1 else "agents"
    frames = "frame" if scene.step_length == 1 else "frames"
    heading = [
        f"{game}: {len(scene.agents)} {agents}{' that take turns' if scene.turns else ''}",
        f"{scene.step_length} physics {frames} a step at {scene.physics_fps} a second",
        scene.engine,
        f"addon {scene.addon_version}",
    ]
    rows = [("AGENT", "NODE", "POLICY", "OBSERVATION", "ACTION", "MASK")]
    rows += [
        (
            agent.name,
            agent.path,
            agent.policy,
            describe_space(agent.observation_space),
            describe_space(agent.action_space),
            str(agent.action_mask) if agent.action_mask else "-",
        )
        for agent in scene.agents
    ]
    lines = [", ".join(heading), "", *align(rows)]
    if scene.state_space is not None:
        lines += ["", f"state  {describe_space(scene.state_space)}"]
    return "\n".join(lines)


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows of a table as lines, each column as wide as its widest text."""
    widths = [max(len(text) for text in column) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{text:<{w}}" for text, w in zip(row, widths, strict=True)).rstrip() for row in rows]
