"""The command line, `godot-marl`."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from godot_marl.cli.addon import addon_command
from godot_marl.cli.bench import bench_command
from godot_marl.cli.check import check_command
from godot_marl.cli.doctor import doctor_command
from godot_marl.cli.engine import engine_command
from godot_marl.cli.evaluate import evaluate_command
from godot_marl.cli.migrate import migrate_command
from godot_marl.cli.play import play_command
from godot_marl.cli.train import train_command
from godot_marl.errors import GodotMarlError
from godot_marl.version import __version__

__all__ = ["main"]


class _Group(click.Group):
    """Shows errors of godot-marl without a traceback, and exits with status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GodotMarlError as error:
            if ctx.params["verbose"]:
                raise
            click.echo(f"{type(error).__name__}: {error}", err=True)
            ctx.exit(1)


class StandardError(logging.Handler):
    """Writes log records to the current `sys.stderr`, which a progress bar replaces to print above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line."""
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            # As in the handlers of `logging`: a record that cannot be written must not end a training.
            self.handleError(record)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", is_flag=True, help="Log more, and show the traceback of an error.")
@click.version_option(__version__, prog_name="godot-marl")
def main(verbose: bool) -> None:
    """Train the agents of Godot scenes from Python."""
    logging.basicConfig(format="%(message)s", handlers=[StandardError()])
    logging.getLogger("godot_marl").setLevel(logging.DEBUG if verbose else logging.INFO)


main.add_command(addon_command)
main.add_command(bench_command)
main.add_command(check_command)
main.add_command(doctor_command)
main.add_command(engine_command)
main.add_command(evaluate_command)
main.add_command(migrate_command)
main.add_command(play_command)
main.add_command(train_command)
