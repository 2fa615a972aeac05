"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from jobsim.errors import InputError
from jobsim.results import files
from jobsim.results.files import check_writable, write_file, write_folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    def broken(part: Path) -> None:
        part.write_text("half")
        raise RuntimeError

    (tmp_path / "a").write_text("old")
    with pytest.raises(RuntimeError):
        write_file(tmp_path / "a", broken)
    folder = tmp_path / "folder"
    with pytest.raises(RuntimeError):
        write_folder(folder, {"a": lambda part: part.write_text("new"), "b": broken})
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_folder_is_made_with_what_is_above_it(tmp_path: Path) -> None:
    write_folder(tmp_path / "x/y", {"a": lambda part: part.write_text("1")})
    assert (tmp_path / "x/y/a").read_text() == "1"
    assert names(tmp_path / "x") == ["y"]
    assert (tmp_path / "x/y").stat().st_mode & 0o777 == 0o755


def test_stale_files_go_and_others_stay(tmp_path: Path) -> None:
    for name in ("a", "b", "mine"):
        (tmp_path / name).write_text("old")
    write_folder(tmp_path, {"a": lambda part: part.write_text("new")}, stale=("a", "b", "c"))
    assert names(tmp_path) == ["a", "mine"]
    assert (tmp_path / "a").read_text() == "new"


def test_interrupt_waits_until_all_files_are_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def slow(old: Path, new: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        replace(old, new)

    monkeypatch.setattr(files.os, "replace", slow)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path, {name: lambda part: part.write_text("new") for name in ("a", "b")})
    assert names(tmp_path) == ["a", "b"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_below_a_file(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match=r"cannot be written: .*file is not a directory"):
        check_writable(file / below)
    assert names(tmp_path) == ["file"]


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_file(tmp_path / "nowhere/a", lambda part: part.write_text(""))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for folder in (tmp_path, tmp_path / "x"):
        with pytest.raises(InputError, match="Permission denied"):
            check_writable(folder)
    tmp_path.chmod(0o700)
