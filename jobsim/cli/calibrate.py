"""``jobsim calibrate``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from jobsim.cli.options import catalogue_files
from jobsim.cli.progress import Count
from jobsim.errors import InputError
from jobsim.hardware.calibrate import Calibration, Errors
from jobsim.hardware.calibrate import calibrate as compare
from jobsim.results.layout import table

#: What a picture's file may end with.
PICTURES = (".png", ".svg", ".pdf")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE.json...")
@click.option("--output", type=click.Choice(["table", "json"]), default="table", help="What stdout gets.")
@click.option("--summary", is_flag=True, help="Data sets only, not each row.")
@click.option("--picture", metavar="FILE.png", help="Draw bandwidth against size, with the measured points.")
@catalogue_files
def calibrate(
    files: Sequence[str], output: str, summary: bool, picture: str | None, catalogues: Sequence[str]
) -> None:
    """Compare the network model with measured collectives: predicted, measured, error.

    FILE holds published measurements ({"rows": [{"src", "platform" or "fabric", "coll", "nodes", "g", "S",
    "bus"}]}: bus bandwidth in GB/s) or runs of ASTRA-sim ({"vectors": [...]}: ns).
    """
    with Count("entries") as progress:
        found = compare(files, catalogues, progress)
    for platform, fabric in {row.guessed: row.fabric for row in found.rows if row.guessed}.items():
        click.echo(
            f'note: platform "{platform}" is taken as {fabric} ("fabric" in a row says otherwise)', err=True
        )
    if found.left_out:
        click.echo(f"note: {found.left_out} runs have no closed form and are left out", err=True)
    if picture is not None:
        _draw(found, picture, catalogues)
    if output == "json":
        click.echo(json.dumps(_data(found, summary=summary), indent=2))
        return
    for text in _tables(found, summary=summary):
        click.echo(text, nl=False)


def _draw(found: Calibration, picture: str, catalogues: Sequence[str]) -> None:
    """Write the picture; say so."""
    if Path(picture).suffix.lower() not in PICTURES:
        raise InputError(f"{picture}: no kind of picture ({', '.join(PICTURES)})", path="--picture")
    from jobsim.hardware.catalogue import fabrics
    from jobsim.report.bandwidth import bandwidth_picture

    drawn = bandwidth_picture(found, known=fabrics(catalogues))
    try:
        drawn.save(picture)
    except OSError as err:
        text = f"{picture}: cannot be written: {(err.strerror or str(err)).lower()}"
        raise InputError(text, path="--picture") from None
    click.echo(f"wrote {picture}", err=True)


def _tables(found: Calibration, *, summary: bool) -> Iterator[str]:
    """Yield each row, each band of each data set, and each band of all."""
    if not summary:
        header = ["ROW", "FABRIC", "ALGORITHM", "MEASURED", "PREDICTED", "UNIT", "ERROR"]
        yield table(
            header,
            (
                [
                    *(row.id, row.fabric, row.algorithm, f"{row.measured:.6g}", f"{row.predicted:.6g}"),
                    *(row.unit, f"{row.error:+.2%}"),
                ]
                for row in found.rows
            ),
        )
        yield "\n"
    yield summary_table("DATA SET", found.datasets(bands=True))
    if found.bands():
        yield "\n"
        yield summary_table("ALL MEASUREMENTS", found.bands())


def summary_table(title: str, errors: dict[str, Errors]) -> str:
    """Return a table of errors."""
    header = [title, "N", "BIAS", "MAPE", "MEDIAN", "P90", "P99", "WORST", "WITHIN 15%"]
    rows = [
        [name, one.n, f"{one.bias:+.2%}", *(f"{share:.2%}" for share in one[2:7]), f"{one.within15:.0%}"]
        for name, one in errors.items()
    ]
    return table(header, rows)


def _data(found: Calibration, *, summary: bool) -> dict[str, object]:
    """Return the JSON form; errors are shares."""
    data: dict[str, object] = {
        "datasets": {name: one._asdict() for name, one in found.datasets().items()},
        "bands": {name: one._asdict() for name, one in found.bands().items()},
        "datasetBands": {name: one._asdict() for name, one in found.datasets(bands=True).items()},
        "leftOut": found.left_out,
    }
    if not summary:
        data["rows"] = [row._asdict() for row in found.rows]
    return data
