"""The command `turret`: its subcommands, and how a failure is told.

Nothing heavy is imported here or by the files of the commands, so that `--help` answers at once; a
command imports what it needs when it runs.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from turret.cli import answers, benchmarks, bundles, exporting, indexing, serving, training, tuning
from turret.errors import TurretError

__all__ = ["app", "main", "options"]

app = typer.Typer(
    name="turret",
    help="Train two-tower retrieval models from a log of interactions and answer with their top-k.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"turret {version('turret')}")
        raise typer.Exit()
    return wanted


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a failure. Fits any command.")
    ] = False,
) -> None:
    """Train two-tower retrieval models from a log of interactions and answer with their top-k."""


training.add_commands(app)
tuning.add_commands(app)
bundles.add_commands(app)
indexing.add_commands(app)
answers.add_commands(app)
serving.add_commands(app)
exporting.add_commands(app)
benchmarks.add_commands(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process: 0 done, 1 failed, 2 wrong usage.

    Args:
        arguments: what follows the program's name; None takes them from the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        words = [word for word in given if word != "--debug"]
        code = app(words, prog_name="turret", standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        code = 1
    except Exception as error:
        if debug:
            raise
        code = _tell(error)
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _tell(error: Exception) -> int:
    """Say in one sentence what failed, and return the exit code for it."""
    if isinstance(error, TurretError):
        _complain(str(error))
        return error.exit_code
    if isinstance(error, TyperException):
        message = error.format_message()
        if message.startswith("Usage:"):
            typer.echo(message, err=True)
        else:
            context = getattr(error, "ctx", None)
            command = "turret" if context is None else context.command_path
            _complain(f"{message.rstrip('.')}. See '{command} --help'.")
        return error.exit_code
    if isinstance(error, typer.Abort):
        return 130
    if isinstance(error, OSError) and error.strerror is not None:
        place = "" if error.filename is None else f"{error.filename}: "
        _complain(f"{place}{error.strerror}.")
        return 1
    kind = type(error).__name__
    _complain(f"An unforeseen {kind}: {error}. Run it again with --debug and report what it shows.")
    return 1


def _complain(sentence: str) -> None:
    typer.echo(f"Error: {sentence}", err=True)


def _close_stdout() -> None:
    """Leave quietly when the reader of a pipe is gone, also at the interpreter's last flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
