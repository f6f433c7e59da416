"""`godot-marl engine`: shows which Godot is used, and installs one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from godot_marl.engine import (
    Engine,
    Progress,
    ProviderName,
    choose_providers,
    ensure_engine,
    find_engine,
    install_engine,
)

if TYPE_CHECKING:
    from types import TracebackType

    from click._termui_impl import ProgressBar


@click.group("engine", invoke_without_command=True)
@click.pass_context
def engine_command(context: click.Context) -> None:
    """Show which Godot engine is used, or install one.

    The environment variable GODOT_MARL_ENGINE comes first; then a godot, godot4 or Godot* on PATH; then the engine that
    `godot-marl engine install` put into your cache folder.
    """
    if context.invoked_subcommand is None:
        _show(find_engine())


@engine_command.command("path")
def path_command() -> None:
    """Print only the engine's path, for scripts."""
    click.echo(find_engine().path)


@engine_command.command("install")
@click.option("--force", is_flag=True, help="Install into the cache folder even if an engine is found.")
@click.option(
    "--provider",
    type=click.Choice(["auto", "debian", "official"]),
    default="auto",
    show_default=True,
    help="Source of Godot. auto: Debian's packages where apt has them, else the Godot project.",
)
@click.option("--version", help="Release of the Godot project, such as 4.6.3; implies --provider official.")
def install_command(force: bool, provider: ProviderName, version: str | None) -> None:
    """Install Godot into your cache folder, unless an engine is found.

    --provider and --version install unless that very engine is installed. The command leaves the system unchanged and
    needs no administrator rights. GODOT_MARL_ENGINE_URL sets a mirror of the Godot project's releases.
    """
    is_specific = provider != "auto" or version is not None
    with ProgressBars() as bars:
        if force or is_specific:
            providers = choose_providers(provider, version)
            engine = install_engine(bars.report, force=force, providers=providers, only_from=is_specific)
        else:
            engine = ensure_engine(report=bars.report)
    click.echo("Installed." if bars.used else "There is an engine already: nothing to do.")
    _show(engine)
    used = find_engine()
    if used.path != engine.path:
        click.echo(f"Note: {used.path} ({used.source}) takes precedence and will be used.")


class ProgressBars:
    """Shows a progress bar on standard error for each stage of an installation: pass `report` to `ensure_engine`.

    Attributes:
        used: Whether there was any progress, that is an installation in this process or in another one.
    """

    def __init__(self) -> None:
        self.used = False
        self._stage = ""
        self._bar: ProgressBar[int] | None = None

    def __enter__(self) -> ProgressBars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def report(self, progress: Progress) -> None:
        """Show the progress of a stage."""
        if not self.used:
            click.echo("Installing Godot for you (70 to 150 MB to download, up to 500 MB on disk) ...", err=True)
            self.used = True
        if progress.stage != self._stage:
            self._close()
            self._stage = progress.stage
            if progress.total is None:
                click.echo(f"  {progress.stage} ...", err=True)
                return
            self._bar = click.progressbar(
                length=progress.total, label=f"  {progress.stage:<14}", show_pos=True, file=sys.stderr
            )
            self._bar.render_progress()
        if self._bar is not None:
            self._bar.update(progress.done - self._bar.pos)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None


def _show(engine: Engine) -> None:
    click.echo(f"path     {engine.path}")
    click.echo(f"version  {engine.version}")
    click.echo(f"source   {engine.source}")
