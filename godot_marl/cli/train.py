"""`godot-marl train`: trains the policies of a game."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from godot_marl.cli.game_argument import check_same_game, find_trained_game
from godot_marl.cli.requirements import needs_sb3
from godot_marl.cli.seed import check_seed
from godot_marl.envs import scripted_policies
from godot_marl.errors import GodotMarlError, MissingDependencyError

if TYPE_CHECKING:
    from godot_marl.training import RunDirectory
    from godot_marl.training.experiment import TrainedGame

# Far from the usual seeds of training runs, so that the evaluation does not repeat their episodes.
_EVALUATION_SEED = 1_000_000


class _ProcessCount(click.IntRange):
    """A number of games that run at once, at least 1."""

    def __init__(self) -> None:
        super().__init__(1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert a value, with an error message that explains the number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"expected the number of games that run at once, 1 or more; got {value!r}.", param, ctx)


@click.command("train")
@click.argument("game")
@click.option("--steps", type=click.IntRange(1), help="Environment steps.  [default: the settings file's]")
@click.option("--seed", type=int, callback=check_seed, help="Seeds policies and environment.  [default: 0]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of results.  [default: runs/GAME-DATE-TIME]")
@click.option("--resume", type=click.Path(path_type=Path), help="Continue the training in this folder.")
@click.option("--processes", type=_ProcessCount(), help="Games that run at once.  [default: the settings file's, or 1]")
@click.option(
    "--restart-workers/--no-restart-workers",
    default=True,
    show_default=True,
    help="Restart a game that exits, hangs or breaks the protocol, and continue.",
)
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file.  [default: the game's train.toml]")
@click.option(
    "--episodes", type=click.IntRange(2), default=50, show_default=True, help="Episodes of each mean of the evaluation."
)
@click.option("--video/--no-video", default=True, show_default=True, help="Record an episode of the trained policies.")
@click.option("--scene", help="Scene to run.  [default: the project's main scene]")
@click.option("--engine", help="Godot executable.  [default: found, or installed]")
def train_command(
    game: str,
    steps: int | None,
    seed: int | None,
    out: Path | None,
    resume: Path | None,
    processes: int | None,
    restart_workers: bool,
    settings: Path | None,
    episodes: int,
    video: bool,
    scene: str | None,
    engine: str | None,
) -> None:
    """Train the agents of GAME, an example such as "cartpole" or the path of a project.

    All policies of the scene learn at the same time, each by its own PPO (MaskablePPO where its agents have action
    masks). Writes checkpoints, TensorBoard logs, a learning curve and a video, and compares the trained policies with
    random players, and with an earlier self where sides play against each other. Ctrl-C (or SIGTERM) ends the training
    early with a checkpoint, from which --resume continues. --processes runs several games at once; each needs a
    processor core.
    """
    with needs_sb3():
        from godot_marl.training import RunDirectory
    changes = {name: value for name, value in (("steps", steps), ("processes", processes)) if value is not None}
    if resume is not None:
        for name, value in (("--out", out), ("--settings", settings), ("--scene", scene), ("--seed", seed)):
            if value is not None:
                raise click.UsageError(f"{name} belongs to a new training; --resume takes it from {resume}")
        run = RunDirectory.open(resume)
        trained = find_trained_game(game, run.scene, engine, run.settings).with_settings(**changes)
        check_same_game(run, trained.name, f"resume={str(resume)!r}")
        if changes:
            run = run.with_settings(**changes)
    else:
        trained = find_trained_game(game, scene, engine, settings).with_settings(**changes)
        run = RunDirectory(out or _new_folder(trained.name), trained.name, scene, seed or 0, trained.settings)
    with _sigterm_as_interrupt():
        interrupted = _train(trained, run, is_new=resume is None, restarts=restart_workers)
    _show_results(trained, run, episodes=episodes, video=video, is_complete=not interrupted)
    if interrupted:
        click.echo(_how_to_resume(run))
        raise SystemExit(130)


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that a checkpoint is written when a scheduler ends the process."""
    previous_handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous_handler)


def _how_to_resume(run: RunDirectory) -> str:
    return f"continue with: {shlex.join(['godot-marl', 'train', run.game, '--resume', str(run.folder)])}"


def _new_folder(game: str) -> Path:
    name = f"{Path(game).name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(folder for folder in (Path("runs") / name for name in names) if not folder.exists())


def _train(trained: TrainedGame, run: RunDirectory, *, is_new: bool, restarts: bool) -> bool:
    """Train, and return whether Ctrl-C ended the training early."""
    from godot_marl.cli.progress import progress_bar
    from godot_marl.training import Progress, Trainer
    from godot_marl.training.run_directory import steps_of

    checkpoint = None
    if is_new:
        run.check_unused(run.folder)
    elif run.has_checkpoints():
        checkpoint = run.last_checkpoint()
    else:
        click.echo(f"{run.folder} has no checkpoint: the training starts from the beginning", err=True)
    steps = 0 if checkpoint is None else steps_of(checkpoint)
    with contextlib.closing(trained.arenas(run.seed, steps, restarts=restarts)) as arenas:
        # Start the games before anything is written, so that their errors leave no folder.
        arenas.start()
        trainer = Trainer(run, arenas, checkpoint, scripted_policies(run.game))
        if is_new:
            # Create the folder only when the settings are valid: it would block a second attempt with the same --out.
            run = run.create(run.folder, run.game, run.scene, run.seed, run.settings)
        else:
            run.forget_best()
        click.echo(f"training {run.game} for {run.settings.steps} steps; results in {run.folder}")
        with progress_bar("steps") as bar:
            task = bar.add_task("training", total=run.settings.steps, completed=trainer.steps, note="")

            def report(progress: Progress) -> None:
                note = ", ".join(f"{side} {mean:.2f}" for side, mean in progress.returns.items())
                bar.update(task, completed=progress.steps, note=note)

            try:
                trainer.train(report)
            except KeyboardInterrupt:
                click.echo(f"interrupted after {trainer.steps} steps; the policies are saved", err=True)
                return True
            except GodotMarlError:
                click.echo(f"the game failed after {trainer.steps} steps; {_how_to_resume(run)}", err=True)
                raise
            bar.update(task, completed=trainer.steps)
    return False


def _show_results(trained: TrainedGame, run: RunDirectory, *, episodes: int, video: bool, is_complete: bool) -> None:
    """List the files of a training run; evaluate the policies and record a video if it is complete."""
    from godot_marl.cli.progress import episode_progress
    from godot_marl.training import evaluation, plots

    files = {"TensorBoard": run.folder / "tensorboard", "learning curve": plots.draw_learning_curve(run)}
    if run.checkpoints():
        files["checkpoint"] = run.last_checkpoint()
    if is_complete and trained.settings.best_of > 1 and len(run.checkpoints()) > 1:
        with contextlib.closing(trained.arena()) as arena, episode_progress("selecting the best") as report:
            trained.choose_best(arena, run, trained.settings.best_of, report=report)
        files["best"] = run.best()
    if is_complete:
        with contextlib.closing(trained.arena()) as arena, episode_progress("evaluating") as report:
            comparisons = trained.evaluate(arena, run, episodes, _EVALUATION_SEED, report=report)
        click.echo(f"mean returns of {episodes} episodes, each side with the trained policies against others:")
        click.echo(evaluation.table(comparisons))
        files["evaluation"] = run.folder / "evaluation.json"
    for name, path in files.items():
        click.echo(f"{name}: {path}")
    if video and is_complete:
        _record_video(trained, run)


def _record_video(trained: TrainedGame, run: RunDirectory) -> None:
    """Record an episode. A missing package is only reported, because it must not fail a finished training."""
    from godot_marl.training.video import record_episode

    path = run.folder / "video" / "episode-0.mp4"
    try:
        with contextlib.closing(trained.arena(render_mode="rgb_array")) as arena:
            record_episode(arena, trained.players(arena, run.best()), _EVALUATION_SEED, path)
    except MissingDependencyError as error:
        next_step = f"then: {shlex.join(['godot-marl', 'play', run.game, str(run.folder), '--render', 'video'])}"
        click.echo(f"no video: {error.what} {(error.remedy or '').rstrip('.')}; {next_step}", err=True)
    else:
        click.echo(f"video: {path}")
