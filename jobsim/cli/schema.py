"""``jobsim schema``."""

from __future__ import annotations

import json

import click

from jobsim.scenario.table import json_schema


@click.command()
def schema() -> None:
    """Print the JSON Schema of the Scenario file, for the completion and checks of an editor."""
    click.echo(json.dumps(json_schema(), indent=2))
