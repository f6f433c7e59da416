"""`godot-marl train`: learn the policies of a game."""

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

from godot_marl.cli.extras import needs_sb3
from godot_marl.cli.games import check_same_game
from godot_marl.envs import scripted_policies
from godot_marl.errors import GodotMarlError, MissingDependencyError

if TYPE_CHECKING:
    from godot_marl.cli.trained import TrainedGame
    from godot_marl.training import Run

# Seeds of the evaluation, far from those that a training draws.
_EVALUATION_SEED = 1_000_000


class _Games(click.IntRange):
    """How many games are played at once."""

    def __init__(self) -> None:
        super().__init__(1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Say what to give where it is no such number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"give the number of games to play at once, 1 or more; not {value!r}.", param, ctx)


@click.command("train")
@click.argument("game")
@click.option("--steps", type=click.IntRange(1), help="Environment steps.  [default: the settings file's]")
@click.option("--seed", type=click.IntRange(0), help="Seeds policies and environment.  [default: 0]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of results.  [default: runs/GAME-DATE-TIME]")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the training in this folder.")
@click.option("--processes", type=_Games(), help="Games to play at once.  [default: the settings file's, or 1]")
@click.option(
    "--restart-workers/--no-restart-workers",
    default=True,
    show_default=True,
    help="Replace a game that ends, hangs or breaks the protocol, and go on.",
)
@click.option("--settings", type=click.Path(path_type=Path), help="Settings file.  [default: the game's train.toml]")
@click.option(
    "--episodes", type=click.IntRange(2), default=50, show_default=True, help="Episodes of each mean of the evaluation."
)
@click.option("--video/--no-video", default=True, show_default=True, help="Record an episode of what was learned.")
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

    Each policy of the scene learns by PPO (MaskablePPO where its agents have action masks), all at the same time.
    Writes checkpoints, TensorBoard logs, a learning curve and a video, and compares what was learned with random
    players, and with an earlier self where sides play against each other. Ctrl-C (or SIGTERM) ends the training early
    and keeps what was learned; --resume goes on with it. --processes plays several games at once, each of which needs
    a processor core.
    """
    with needs_sb3():
        from godot_marl.cli.trained import TrainedGame
        from godot_marl.training import Run
    given = {"steps": steps, "processes": processes}
    changes = {name: value for name, value in given.items() if value is not None}
    if resume is not None:
        for name, value in (("--out", out), ("--settings", settings), ("--scene", scene), ("--seed", seed)):
            if value is not None:
                raise click.UsageError(f"{name} belongs to a new training; --resume takes it from {resume}")
        run = Run.open(resume)
        trained = TrainedGame.find(game, run.scene, engine, run.settings).with_settings(**changes)
        check_same_game(run, trained.name, f"resume={str(resume)!r}")
        if changes:
            run = run.with_settings(**changes)
    else:
        trained = TrainedGame.find(game, scene, engine, settings).with_settings(**changes)
        run = Run(out or _new_folder(trained.name), trained.name, scene, seed or 0, trained.settings)
    with _terminated_like_interrupted():
        interrupted = _train(trained, run, is_new=resume is None, restarts=restart_workers)
    _show_results(trained, run, episodes=episodes, video=video, is_whole=not interrupted)
    if interrupted:
        click.echo(_how_to_resume(run))
        raise SystemExit(130)


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM, by which schedulers end what runs too long, saves what was learned as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _how_to_resume(run: Run) -> str:
    return f"go on with: {shlex.join(['godot-marl', 'train', run.game, '--resume', str(run.folder)])}"


def _new_folder(game: str) -> Path:
    name = f"{Path(game).name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(folder for folder in (Path("runs") / name for name in names) if not folder.exists())


def _train(trained: TrainedGame, run: Run, *, is_new: bool, restarts: bool) -> bool:
    """Train, and tell whether Ctrl-C ended it early."""
    from godot_marl.cli.progress import progress_bar
    from godot_marl.training import Progress, Training
    from godot_marl.training.run import steps_of

    checkpoint = None
    if is_new:
        run.check_unused(run.folder)
    elif run.has_checkpoints():
        checkpoint = run.last_checkpoint()
    else:
        click.echo(f"{run.folder} has no checkpoint: its training begins anew", err=True)
    steps = 0 if checkpoint is None else steps_of(checkpoint)
    with contextlib.closing(trained.arenas(run.seed, steps, restarts=restarts)) as arenas:
        arenas.start()  # the game starts, or says what is wrong with it, before anything is written
        training = Training(run, arenas, checkpoint, scripted_policies(run.game))
        if is_new:
            # Not before the settings have turned out to be usable: it stands in the way of a second try.
            run = run.create(run.folder, run.game, run.scene, run.seed, run.settings)
        else:
            run.forget_best()
        click.echo(f"training {run.game} for {run.settings.steps} steps; results in {run.folder}")
        with progress_bar("steps") as bar:
            task = bar.add_task("training", total=run.settings.steps, completed=training.steps, note="")

            def report(progress: Progress) -> None:
                note = ", ".join(f"{side} {mean:.2f}" for side, mean in progress.returns.items())
                bar.update(task, completed=progress.steps, note=note)

            try:
                training.train(report)
            except KeyboardInterrupt:
                click.echo(f"interrupted after {training.steps} steps; what was learned so far is saved", err=True)
                return True
            except GodotMarlError:
                click.echo(f"the game failed after {training.steps} steps; {_how_to_resume(run)}", err=True)
                raise
            bar.update(task, completed=training.steps)
    return False


def _show_results(trained: TrainedGame, run: Run, *, episodes: int, video: bool, is_whole: bool) -> None:
    """Say what there is, and, of a training that was not interrupted, show and judge what was learned."""
    from godot_marl.training import evaluation, pictures

    files = {"TensorBoard": run.folder / "tensorboard", "learning curve": pictures.draw_learning_curve(run)}
    if run.checkpoints():
        files["checkpoint"] = run.last_checkpoint()
    if is_whole and trained.settings.best_of > 1 and len(run.checkpoints()) > 1:
        with contextlib.closing(trained.arena()) as arena:
            trained.choose_best(arena, run, trained.settings.best_of)
        files["best"] = run.best()
    if is_whole:
        with contextlib.closing(trained.arena()) as arena:
            comparisons = trained.evaluate(arena, run, episodes, _EVALUATION_SEED)
        click.echo(f"mean returns of {episodes} episodes, each side with the trained policies against others:")
        click.echo(evaluation.table(comparisons))
        files["evaluation"] = run.folder / "evaluation.json"
    for name, path in files.items():
        click.echo(f"{name}: {path}")
    if video and is_whole:
        _record_video(trained, run)


def _record_video(trained: TrainedGame, run: Run) -> None:
    """Record an episode. Where that cannot be done, a whole training must not fail for it at its very end."""
    from godot_marl.training import pictures

    path = run.folder / "video" / "episode-0.mp4"
    try:
        with contextlib.closing(trained.arena(render_mode="rgb_array")) as arena:
            pictures.record_episode(arena, trained.players(arena, run.best()), _EVALUATION_SEED, path)
    except MissingDependencyError as error:
        later = f"then: {shlex.join(['godot-marl', 'play', run.game, str(run.folder), '--render', 'video'])}"
        click.echo(f"no video: {error.what} {(error.remedy or '').rstrip('.')}; {later}", err=True)
    else:
        click.echo(f"video: {path}")
