"""The check of the option --seed."""

from __future__ import annotations

import click

from godot_marl.errors import InvalidOptionError
from godot_marl.protocol.seeds import validate_optional_seed


def check_seed(context: click.Context, parameter: click.Parameter, value: int | None) -> int | None:
    """The callback of the option.

    Raises:
        click.BadParameter: The value is not a seed.
    """
    try:
        return validate_optional_seed(value, "--seed")
    except InvalidOptionError as error:
        raise click.BadParameter(f"give {error.expected}; not {error.got}.", context, parameter) from error
