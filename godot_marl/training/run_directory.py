"""The folder of a training run: its settings, its checkpoints, and the returns of its episodes."""

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
from godot_marl.protocol.seeds import validate_seed
from godot_marl.training.atomic_files import make_folder, write_file, write_folder
from godot_marl.training.checkpoint_health import is_whole
from godot_marl.training.config import TrainingConfig

_RUN = "run.json"
_EPISODES = "episodes.csv"
_BEST = "best"
_CHOICES = "choices.json"


@dataclass(frozen=True)
class RunDirectory:
    """The settings and results of a training run.

    Attributes:
        folder: The folder that holds them.
        game: An example's name, or the absolute path of any other game.
        scene: The scene, or None for the main one.
        seed: The run's seed.
        settings: The training settings.
    """

    folder: Path
    game: str
    scene: str | None
    seed: int
    settings: TrainingConfig

    @classmethod
    def create(cls, folder: Path, game: str, scene: str | None, seed: int, settings: TrainingConfig) -> RunDirectory:
        """Create the folder of a new training run.

        Raises:
            InvalidOptionError: The folder holds another training run.
        """
        cls.check_unused(folder)
        run = cls(folder, game, scene, seed, settings)
        make_folder(folder)
        is_empty = not any(folder.iterdir())
        try:
            # Creating the file exclusively lets only one of two concurrent runs have the folder.
            (folder / _RUN).touch(exist_ok=False)
        except FileExistsError:
            cls.check_unused(folder)
        if is_empty and any((parent / "project.godot").exists() for parent in folder.absolute().parents):
            # Otherwise Godot imports the images in it, and imports the project again after each write.
            (folder / ".gdignore").touch()
        run._write()
        return run

    @classmethod
    def check_unused(cls, folder: Path) -> None:
        """Check that a folder holds no training run.

        Raises:
            InvalidOptionError: It holds one.
        """
        if (folder / _RUN).exists():
            raise InvalidOptionError(
                "The folder holds the results of another training.",
                where=f"out={str(folder)!r}",
                expected="a new or empty folder",
                got=f"a folder with a {_RUN}",
                remedy=f"Use another folder, or continue that training: --resume {folder}",
            )

    @classmethod
    def open(cls, folder: Path) -> RunDirectory:
        """Open the folder of a training run.

        Raises:
            InvalidOptionError: It is not such a folder, or its settings are invalid.
        """
        path = folder / _RUN
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            settings = TrainingConfig.of(run["settings"], str(path))
            seed = validate_seed(run["seed"], f"seed in {path}")
            return cls(folder, run["game"], run["scene"], seed, settings)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, InvalidOptionError):
                raise
            raise InvalidOptionError(
                "This is not the folder of a training.",
                where=str(folder),
                expected=f"a folder with the {_RUN} that `godot-marl train` writes",
                got=f"{type(error).__name__}: {error}",
            ) from error

    def with_settings(self, **changes: Any) -> RunDirectory:
        """Change settings of the run, also in its file, and return the changed run."""
        run = dataclasses.replace(self, settings=dataclasses.replace(self.settings, **changes))
        run._write()
        return run

    def _write(self) -> None:
        run = {
            "game": self.game,
            "scene": self.scene,
            "seed": self.seed,
            "settings": dataclasses.asdict(self.settings),
        }
        write_file(self.folder / _RUN, json.dumps(run, indent=2) + "\n")

    # -- Checkpoints: checkpoints/STEPS/POLICY.zip -----------------------------------------------------------------

    def checkpoints(self) -> list[Path]:
        """Return the folders of the readable checkpoints, oldest first. Unreadable ones are logged as warnings."""
        return [folder for folder in self._all_checkpoints() if is_whole(folder)]

    def _all_checkpoints(self) -> list[Path]:
        return sorted(folder for folder in (self.folder / "checkpoints").glob("[0-9]*") if folder.is_dir())

    def has_checkpoints(self) -> bool:
        """Whether there are checkpoints, readable or not."""
        return bool(self._all_checkpoints())

    def last_checkpoint(self) -> Path:
        """Return the folder of the newest readable checkpoint.

        Raises:
            InvalidOptionError: There is no checkpoint yet, or none is readable.
        """
        checkpoints = self.checkpoints()
        if checkpoints:
            return checkpoints[-1]
        unreadable = self._all_checkpoints()
        if unreadable:
            raise InvalidOptionError(
                "None of the training's checkpoints can be read.",
                where=str(self.folder / "checkpoints"),
                expected="a checkpoint that is whole",
                got=f"damaged ones: {', '.join(folder.name for folder in unreadable)}",
                remedy="Restore them from a backup, or remove them all: --resume then starts from the beginning.",
            )
        raise InvalidOptionError(
            "The training has no checkpoint yet.",
            where=str(self.folder),
            expected="a folder in checkpoints/",
            got="none",
            remedy="Train for longer, or with a smaller checkpoint_every.",
        )

    def best(self) -> Path:
        """Return the folder of the selected best policies, or of the newest checkpoint where none were selected.

        Raises:
            InvalidOptionError: There is no checkpoint yet, or none is readable.
        """
        best = self.folder / _BEST
        return best if best.is_dir() and is_whole(best) else self.last_checkpoint()

    def write_best(self, choices: Mapping[str, Path], notes: Mapping[str, Any]) -> Path:
        """Copy the selected best policies to best/POLICY.zip.

        Args:
            choices: The selected checkpoint of each policy.
            notes: The content of best/choices.json: for each policy a table with its `steps`.

        Returns:
            The folder.
        """

        def save(folder: Path) -> None:
            for policy, checkpoint in choices.items():
                shutil.copy(checkpoint / f"{policy}.zip", folder)
            (folder / _CHOICES).write_text(json.dumps(notes, indent=2) + "\n", encoding="utf-8")

        return write_folder(self.folder / _BEST, save)

    def forget_best(self) -> None:
        """Remove the selected best policies, as before the training continues."""
        shutil.rmtree(self.folder / _BEST, ignore_errors=True)

    def best_steps(self, policies: Iterable[str]) -> dict[str, int]:
        """Return the environment steps of the checkpoint that `best()` has of each policy.

        Raises:
            InvalidOptionError: There is no checkpoint yet, or best/choices.json is unreadable.
        """
        selected = self._selected_steps()
        return {
            policy: selected[policy] if policy in selected else steps_of(self.last_checkpoint()) for policy in policies
        }

    def _selected_steps(self) -> dict[str, int]:
        if self.best() != self.folder / _BEST:
            return {}
        path = self.folder / _BEST / _CHOICES
        try:
            notes = json.loads(path.read_text(encoding="utf-8"))
            return {policy: int(note["steps"]) for policy, note in notes.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidOptionError(
                "The list of the best checkpoints cannot be read.",
                where=str(path),
                expected="the file that `godot-marl train` writes",
                got=f"{type(error).__name__}: {error}",
                remedy=f"Select them again: godot-marl evaluate {self.folder} --best-of 20",
            ) from error

    def earlier_checkpoints(self, policies: Iterable[str]) -> dict[str, Path]:
        """Return for each policy the checkpoint nearest to half of the environment steps of its `best()` one.

        The result has only checkpoints before the best one, and omits a policy without any.
        """
        earlier = {}
        for policy, steps in self.best_steps(policies).items():
            candidates = [folder for folder in self.checkpoints() if steps_of(folder) < steps]
            if candidates:
                earlier[policy] = min(candidates, key=lambda folder: abs(steps_of(folder) - steps / 2))
        return earlier

    def write_checkpoint(self, steps: int, save: Callable[[Path], None]) -> Path:
        """Write a checkpoint atomically.

        Args:
            steps: Environment steps so far.
            save: Writes the models into the folder that it receives.

        Returns:
            The checkpoint's folder.
        """
        parent = self.folder / "checkpoints"
        make_folder(parent)
        return write_folder(parent / f"{steps:09d}", save)

    # -- Episodes: episodes.csv ------------------------------------------------------------------------------------

    def start_episodes(self, sides: Sequence[str], steps: int) -> None:
        """Create the table of episodes, or remove the episodes that ended after `steps` from it.

        Args:
            sides: The names of the sides, which become columns.
            steps: Environment steps of the checkpoint at which the training starts.
        """
        path = self.folder / _EPISODES
        rows = [row for row in self.episodes() if int(row["steps"]) <= steps] if path.exists() else []
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, ["steps", "length", *sides])
        writer.writeheader()
        writer.writerows(rows)
        make_folder(self.folder)
        write_file(path, table.getvalue())

    def add_episode(self, steps: int, length: int, returns: Sequence[float | None]) -> None:
        """Append an episode to the table.

        Args:
            steps: Environment steps of the training at the episode's end.
            length: The episode's steps.
            returns: The mean return of each side's agents; None for a side that an opponent played.
        """
        with (self.folder / _EPISODES).open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow([steps, length, *("" if value is None else f"{value:.6g}" for value in returns)])

    def episodes(self) -> list[dict[str, Any]]:
        """Return the complete rows of the table of episodes, by column; a killed training may leave incomplete ones."""
        with (self.folder / _EPISODES).open(encoding="utf-8", errors="replace", newline="") as file:
            lines = [line for line in file if line.endswith("\n")]
        return [row for row in csv.DictReader(lines) if _is_complete(row)]


def _is_complete(row: Mapping[str, Any]) -> bool:
    """Whether a row is complete: a power cut may leave zero bytes in place of the last write."""
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
    """Return the environment steps of a checkpoint."""
    return int(checkpoint.name)
