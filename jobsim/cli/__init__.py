"""The command line: ``jobsim COMMAND``; see ``jobsim.cli.group`` for the commands and how errors end."""

from jobsim.cli.group import cli, main

__all__ = ["cli", "main"]
