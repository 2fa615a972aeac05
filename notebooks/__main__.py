"""Run every notebook source (``NN_name.py``, percent format) and write ``NN_name.ipynb`` beside it.

The .py is what people edit and review; the .ipynb, with its pictures, is what they read.  Cell ids and
metadata are fixed, so that a notebook only changes when its source or its results do.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CELL_SECONDS_MAX = 120


def sources() -> list[Path]:
    """Return the notebook sources in order."""
    return sorted(HERE.glob("[0-9]*.py"))


def read(source: Path) -> Any:
    """Return a source as a notebook without outputs, its ids and metadata fixed."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"
        cell.metadata = {}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def execute(source: Path) -> Any:
    """Return a source as a notebook with its outputs, run from the project's root."""
    notebook = read(source)
    resources = {"metadata": {"path": str(ROOT)}}
    # Sockets in the file system: a kernel on TCP ports would be open to others on the machine.
    config = Config(KernelManager={"transport": "ipc"})
    NotebookClient(
        notebook, timeout=CELL_SECONDS_MAX, record_timing=False, resources=resources, config=config
    ).execute()
    notebook.metadata.pop("language_info", None)
    return notebook


def agree(source: Path) -> bool:
    """Tell whether the notebook beside a source has the same cells, each code cell executed."""
    path = source.with_suffix(".ipynb")
    if not path.exists():
        return False
    wanted, found = read(source).cells, nbformat.read(path, as_version=4).cells
    same = [(c.cell_type, c.source) for c in wanted] == [(c.cell_type, c.source) for c in found]
    return same and all(c.execution_count for c in found if c.cell_type == "code" and c.source.strip())


def main() -> None:
    """Write the notebooks that are named, or all."""
    for source in [HERE / name for name in sys.argv[1:]] or sources():
        nbformat.write(execute(source), source.with_suffix(".ipynb"))
        print(source.with_suffix(".ipynb").relative_to(ROOT))


if __name__ == "__main__":
    main()
