"""The group of all commands: loaded when called, and every error ends here.

Exit codes: 0 good, 1 the answer is no (rejected, diverged, failed check), 2 usage or input error,
130 and 143 told to stop, 141 nobody reads what is written, 70 an error of our own.  Nobody sees a traceback
unless JOBSIM_DEBUG is set.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

import click

from jobsim.cli.progress import Interrupt
from jobsim.errors import InputError, InputErrors, JobsimError

#: Name: its module in this package, and its line in ``jobsim --help``.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("run", "Run a scenario or manifests; say what happened and where the time went."),
    "get": ("get", "List objects of a run, at any virtual time, as kubectl does."),
    "describe": ("get", "Show all about objects of a run, at any virtual time."),
    "explain": ("explain", "Say why an object is as it is: why pending, why here, why restarted."),
    "validate": ("validate", "Say what the API server, the JobSet schema and the webhooks would say."),
    "check": ("check", "Run in two processes with different hash seeds and compare digests."),
    "compare": ("compare", "Say what differs between two runs, and where they part."),
    "export": ("export", "Write a run in an open format: jsonl, perfetto, csv or parquet."),
    "schema": ("schema", "Print the JSON Schema of the Scenario file."),
    "calibrate": ("calibrate", "Compare the network model with measured collectives."),
    "fuzz": ("fuzz", "Search for what breaks the laws of the cluster; show it in a file."),
    "replay": ("fuzz", "Run a history that fuzz found again."),
    "conform": ("conform", "Run recorded cases of the real controllers."),
}
INTERRUPTED, CLOSED_PIPE, TERMINATED, OUR_FAULT = 130, 141, 143, 70


class Group(click.Group):
    """Commands that are imported when they are called; errors become lines and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"jobsim.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a command line; of a wrong word say which command it is close to."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as err:
            close = get_close_matches(args[0], COMMANDS, 1)
            if not close:
                raise
            raise click.UsageError(f"{err.message} Did you mean '{close[0]}'?", err.ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a reader that has left (``| head``) ends it quietly."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # What is still buffered must not be written when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(CLOSED_PIPE) from None
        return result

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run a command line and exit; ``args`` as in ``click.Command.main``."""
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as err:
            err.show()
            code = err.exit_code
        except (click.ClickException, JobsimError) as err:
            code = _say(err)
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted; nothing was written", err=True)
            code = INTERRUPTED
        except Exception as err:
            if os.environ.get("JOBSIM_DEBUG"):
                raise
            what = " ".join(f"{type(err).__name__}: {err}".split())
            hint = "please report it, with the output under JOBSIM_DEBUG=1"
            click.echo(f"error: internal: {what} ({hint})", err=True)
            code = OUR_FAULT
        sys.exit(code or 0)


def _say(err: click.ClickException | JobsimError) -> int:
    """Print an error the user can do something about; return the exit code."""
    if isinstance(err, click.ClickException):
        ctx = getattr(err, "ctx", None)
        hint = f" (see {ctx.command_path} --help)" if ctx is not None else ""
        texts: Sequence[str] = [f"{err.format_message()}{hint}"]
    elif isinstance(err, InputErrors):
        texts = [str(each) for each in err.errors]
    else:
        texts = [str(err)]
    for text in texts:
        click.echo(f"error: {text}", err=True)
    return 2 if isinstance(err, click.ClickException | InputError | InputErrors) else 1


@click.group(
    cls=Group,
    name="jobsim",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Results go to stdout, all else to stderr. Exit codes: 0 good, 1 the answer is no, "
    "2 wrong usage or input.",
)
@click.version_option(package_name="jobsim", message="%(package)s %(version)s")
def cli() -> None:
    """What would my JobSet do?  Runs Kubernetes JobSets in virtual time, the same every time."""


def main() -> NoReturn:
    """Run the command line of this process; SIGTERM ends it as an exception, so that nothing is left."""
    signal.signal(signal.SIGINT, Interrupt(KeyboardInterrupt()))
    signal.signal(signal.SIGTERM, Interrupt(SystemExit(TERMINATED)))
    cli.main(prog_name="jobsim")
