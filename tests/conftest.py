"""What all tests share: reference data beside the checkout, golden files, hypothesis profiles."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ["MPLBACKEND"] = "Agg"
#: Every run of every test asks the laws of the cluster after each write.
os.environ["JOBSIM_CHECK_INVARIANTS"] = "1"

HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
#: Beside the checkout; a copy of the tests inside it (mutation) finds it too.
SHARED = next(filter(Path.is_dir, (up / "shared" for up in HERE.parents[1:])), HERE.parents[1] / "shared")

# ``ci`` is what `make test` runs: the same examples every time.  ``nightly`` is for long searches.
settings.register_profile(
    "ci", derandomize=True, database=None, deadline=None, print_blob=True, max_examples=100
)
settings.register_profile("dev", deadline=None, print_blob=True)
settings.register_profile(
    "nightly",
    deadline=None,
    print_blob=True,
    max_examples=5_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_rewriting: list[bool] = [False]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite", action="store_true", help="write golden files, do not compare")


def pytest_configure(config: pytest.Config) -> None:
    _rewriting[0] = bool(config.getoption("--rewrite"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run slow tests without coverage: tracing makes the simulation loop five times slower."""
    if config.pluginmanager.hasplugin("pytest_cov"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker("no_cover")


def shared_path(*parts: str) -> Path:
    """Return a path in the reference folder beside the checkout; skip the test (or module) without it."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no reference data: {'/'.join(('shared', *parts))}", allow_module_level=True)
    return path


def shared_files(folder: str, pattern: str) -> list[Path]:
    """Return the files of a reference folder in order, to make parameters of; none without the folder."""
    return sorted(SHARED.joinpath(folder).glob(pattern))


def golden(name: str, text: str) -> None:
    """Compare a text with ``tests/golden/NAME.txt``; with ``pytest --rewrite`` write it instead."""
    path = GOLDEN / f"{name}.txt"
    if not text.endswith("\n"):
        text += "\n"
    if _rewriting[0]:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert path.exists(), f"no golden file {path.name}: look at the text, then run pytest --rewrite"
    assert text == path.read_text(encoding="utf-8"), f"differs from {path.name}; pytest --rewrite takes it"


@pytest.fixture(name="shared_path", scope="session")
def _shared_path() -> Callable[..., Path]:
    return shared_path


@pytest.fixture(name="golden", scope="session")
def _golden() -> Callable[[str, str], None]:
    return golden
