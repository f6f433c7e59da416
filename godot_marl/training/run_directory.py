"""The folder of one training: its settings, checkpoints, and the returns of its episodes."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from godot_marl.errors import InvalidOptionError
from godot_marl.training.damage import is_whole
from godot_marl.training.durable import make_folder, write_file, write_folder
from godot_marl.training.settings import Settings

_CONFIG = "run.json"
_EPISODES = "episodes.csv"
_BEST = "best"
_CHOICES = "choices.json"


@dataclass(frozen=True)
class Run:
    """One training and its results.

    Attributes:
        folder: Where they are.
        game: An example's name, or the absolute path of any other game.
        scene: The scene, or None for the main one.
        seed: What the training was seeded with.
        settings: How it trains.
    """

    folder: Path
    game: str
    scene: str | None
    seed: int
    settings: Settings

    @classmethod
    def create(cls, folder: Path, game: str, scene: str | None, seed: int, settings: Settings) -> Run:
        """Make the folder of a new training.

        Raises:
            InvalidOptionError: It holds another training already.
        """
        cls.check_unused(folder)
        run = cls(folder, game, scene, seed, settings)
        make_folder(folder)
        is_ours = not any(folder.iterdir())
        try:
            # Of two that begin at the same moment one has the folder.
            (folder / _CONFIG).touch(exist_ok=False)
        except FileExistsError:
            cls.check_unused(folder)
        if is_ours and any((parent / "project.godot").exists() for parent in folder.absolute().parents):
            # Godot would import the pictures in it, and the project anew whenever something is written here.
            (folder / ".gdignore").touch()
        run._write_config()
        return run

    @classmethod
    def check_unused(cls, folder: Path) -> None:
        """Raise an error if a folder holds a training already.

        Raises:
            InvalidOptionError: It does.
        """
        if (folder / _CONFIG).exists():
            raise InvalidOptionError(
                "The folder holds the results of another training.",
                where=f"out={str(folder)!r}",
                expected="a new or empty folder",
                got=f"a folder with a {_CONFIG}",
                remedy=f"Give another folder, or go on with that training: --resume {folder}",
            )

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open the folder of a training.

        Raises:
            InvalidOptionError: It is none.
        """
        path = folder / _CONFIG
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            settings = Settings.of(config["settings"], str(path))
            return cls(folder, config["game"], config["scene"], config["seed"], settings)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, InvalidOptionError):
                raise
            raise InvalidOptionError(
                "This is not the folder of a training.",
                where=str(folder),
                expected=f"a folder with the {_CONFIG} that `godot-marl train` writes",
                got=f"{type(error).__name__}: {error}",
            ) from error

    def with_settings(self, **changes: Any) -> Run:
        """The same training with other settings, as far as these may change while it goes on."""
        run = dataclasses.replace(self, settings=dataclasses.replace(self.settings, **changes))
        run._write_config()
        return run

    def _write_config(self) -> None:
        config = {
            "game": self.game,
            "scene": self.scene,
            "seed": self.seed,
            "settings": dataclasses.asdict(self.settings),
        }
        write_file(self.folder / _CONFIG, json.dumps(config, indent=2) + "\n")

    # -- Checkpoints: checkpoints/STEPS/POLICY.zip -----------------------------------------------------------------

    def checkpoints(self) -> list[Path]:
        """The folders of the checkpoints, oldest first. Those that cannot be read are left out, with a warning."""
        return [folder for folder in self._checkpoints() if is_whole(folder)]

    def _checkpoints(self) -> list[Path]:
        return sorted(folder for folder in (self.folder / "checkpoints").glob("[0-9]*") if folder.is_dir())

    def has_checkpoints(self) -> bool:
        """Whether there are checkpoints, readable or not."""
        return bool(self._checkpoints())

    def last_checkpoint(self) -> Path:
        """The folder of the newest checkpoint that can be read.

        Raises:
            InvalidOptionError: There is none yet, or none of them can be read.
        """
        checkpoints = self.checkpoints()
        if checkpoints:
            return checkpoints[-1]
        unreadable = self._checkpoints()
        if unreadable:
            raise InvalidOptionError(
                "None of the training's checkpoints can be read.",
                where=str(self.folder / "checkpoints"),
                expected="a checkpoint that is whole",
                got=f"damaged ones: {', '.join(folder.name for folder in unreadable)}",
                remedy="Copy them back from elsewhere, or remove them all: --resume then begins anew.",
            )
        raise InvalidOptionError(
            "The training has no checkpoint yet.",
            where=str(self.folder),
            expected="a folder in checkpoints/",
            got="none",
            remedy="Train for longer, or with a smaller checkpoint_every.",
        )

    def best(self) -> Path:
        """The folder of the policies that were chosen as the best; else that of the newest checkpoint.

        Raises:
            InvalidOptionError: There is none yet, or none of them can be read.
        """
        best = self.folder / _BEST
        return best if best.is_dir() and is_whole(best) else self.last_checkpoint()

    def write_best(self, choices: Mapping[str, Path], notes: Mapping[str, Any]) -> Path:
        """Keep the policies that were chosen as the best: best/POLICY.zip.

        Args:
            choices: The checkpoint of each policy.
            notes: What to tell of each in best/choices.json.
        """

        def save(folder: Path) -> None:
            for policy, checkpoint in choices.items():
                shutil.copy(checkpoint / f"{policy}.zip", folder)
            (folder / _CHOICES).write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")

        return write_folder(self.folder / _BEST, save)

    def forget_best(self) -> None:
        """Remove the choice of the best: the training goes on."""
        shutil.rmtree(self.folder / _BEST, ignore_errors=True)

    def best_steps(self, policies: Iterable[str]) -> dict[str, int]:
        """How many environment steps the training had made when each policy was as it is in `best()`.

        Raises:
            InvalidOptionError: There is no checkpoint yet, or nobody can tell when the best ones were.
        """
        chosen = self._chosen_steps()
        return {policy: chosen[policy] if policy in chosen else steps_of(self.last_checkpoint()) for policy in policies}

    def _chosen_steps(self) -> dict[str, int]:
        if self.best() != self.folder / _BEST:
            return {}
        path = self.folder / _BEST / _CHOICES
        try:
            notes = json.loads(path.read_text(encoding="utf-8"))
            return {policy: int(note["steps"]) for policy, note in notes.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidOptionError(
                "Which checkpoints were chosen as the best cannot be read.",
                where=str(path),
                expected="the file that `godot-marl train` writes beside them",
                got=f"{type(error).__name__}: {error}",
                remedy=f"Choose anew: godot-marl evaluate {self.folder} --best-of 20",
            ) from error

    def earlier_checkpoints(self, policies: Iterable[str]) -> dict[str, Path]:
        """For each policy the checkpoint nearest to half of the way to what it is in `best()`.

        It is always before that; a policy that has none before is left out.
        """
        found = {}
        for policy, steps in self.best_steps(policies).items():
            before = [folder for folder in self.checkpoints() if steps_of(folder) < steps]
            if before:
                found[policy] = min(before, key=lambda folder: abs(steps_of(folder) - steps / 2))
        return found

    def write_checkpoint(self, steps: int, save: Callable[[Path], None]) -> Path:
        """Make a checkpoint. One that was interrupted leaves nothing behind that looks like one.

        Args:
            steps: Environment steps so far.
            save: Writes the models into the folder that it gets.
        """
        parent = self.folder / "checkpoints"
        make_folder(parent)
        return write_folder(parent / f"{steps:09d}", save)

    # -- Episodes: episodes.csv ------------------------------------------------------------------------------------

    def start_episodes(self, sides: Sequence[str], steps: int) -> None:
        """Begin the table of episodes, or cut it back to those that ended by a checkpoint."""
        path = self.folder / _EPISODES
        rows = [row for row in self.episodes() if int(row["steps"]) <= steps] if path.exists() else []
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, ["steps", "length", *sides])
        writer.writeheader()
        writer.writerows(rows)
        make_folder(self.folder)
        write_file(path, table.getvalue())

    def add_episode(self, steps: int, length: int, returns: Sequence[float | None]) -> None:
        """Add an episode: the training's steps at its end, its length, and the mean return of each side's agents.

        A side that an earlier self played has None.
        """
        with (self.folder / _EPISODES).open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow([steps, length, *("" if value is None else f"{value:.6g}" for value in returns)])

    def episodes(self) -> list[dict[str, Any]]:
        """The rows of the table of episodes, without what was written of one when the training was killed."""
        with (self.folder / _EPISODES).open(encoding="utf-8", errors="replace", newline="") as file:
            whole = [line for line in file if line.endswith("\n")]
        return [row for row in csv.DictReader(whole) if _is_episode(row)]


def _is_episode(row: Mapping[str, Any]) -> bool:
    """Whether a row is whole: a power cut may leave zeros in place of what was written last."""
    try:
        for name in ("steps", "length"):
            int(row[name])
        for value in row.values():
            if value != "":
                float(value)
    except (KeyError, TypeError, ValueError):
        return False
    return True


def steps_of(checkpoint: Path) -> int:
    """How many environment steps a training had made at a checkpoint."""
    return int(checkpoint.name)
