"""Every upstream case of the list has its counterpart here, and every marker names one."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent


def names(text: str) -> Counter[str]:
    """Return how often each name stands in a list of file, function and case by indentation."""
    found: list[list[str]] = []
    above: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        above = [*above[:depth], line.strip()]
        found.append(above)
    # A line that has lines below it is a heading.
    headings = {tuple(parts[:-1]) for parts in found}
    return Counter("::".join(parts) for parts in found if tuple(parts) not in headings)


def reasons(text: str) -> dict[str, str]:
    """Return why some cases cannot apply, by name; one line each: ``NAME -- reason``."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {name: why for name, _, why in (line.partition(" -- ") for line in lines)}


def marks(value: object) -> Iterator[pytest.Mark]:
    """Yield the marks of a test function, and those of its parameters."""
    for mark in getattr(value, "pytestmark", ()):
        yield mark
        if mark.name == "parametrize":
            for parameters in mark.args[1]:
                for own in getattr(parameters, "marks", ()):
                    yield own.mark if isinstance(own, pytest.MarkDecorator) else own


def counterparts(modules: Iterable[ModuleType]) -> Counter[str]:
    """Return how often each upstream case is answered by a test that runs."""
    found: Counter[str] = Counter()
    for module in modules:
        for name, value in vars(module).items():
            if not name.startswith("test_") or getattr(value, "__module__", "") != module.__name__:
                continue
            own = list(marks(value))
            assert not {mark.name for mark in own} & {"skip", "skipif", "xfail"}, name
            found.update(mark.args[0] for mark in own if mark.name == "upstream")
    return found


def test_every_case_has_its_counterpart(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = names((HERE / "names.txt").read_text(encoding="utf-8"))
    inapplicable = reasons((HERE / "not_applicable.txt").read_text(encoding="utf-8"))
    modules = [importlib.import_module(f"{__package__}.{p.stem}") for p in sorted(HERE.glob("test_*.py"))]
    found = counterparts(modules)
    assert sorted(inapplicable.keys() - wanted.keys()) == [], "no such case"
    assert [name for name, why in inapplicable.items() if not why or name in found] == []
    missing = {name: n for name, n in wanted.items() if found[name] < n and name not in inapplicable}
    assert missing == {}, "no counterpart"
    assert sorted(found.keys() - wanted.keys()) == [], "markers that name nothing"
    answered = wanted.total() - len(inapplicable)
    with capsys.disabled():
        print(
            f"\n{answered} of {wanted.total()} upstream cases have a counterpart, {len(inapplicable)} cannot"
        )


def test_the_list_is_the_contracts(shared_path: Callable[..., Path]) -> None:
    """Appendix A of the contract: 445 named cases, and two functions without a table."""
    wanted = names((HERE / "names.txt").read_text(encoding="utf-8"))
    text = shared_path("contracts", "jobset.md").read_text(encoding="utf-8")
    appendix = text[text.index("## Appendix A") : text.index("### Extra, outside")]
    bullets = Counter(re.findall(r"^- (.*?)\s*$", appendix, re.M))
    alone = re.findall(r"^\[Func\] (\w+) — no named cases", appendix, re.M)
    assert bullets.total() == 445
    assert Counter(
        name.split("::", 2)[-1].split("::")[-1] for name in wanted.elements()
    ) == bullets + Counter(alone)


def test_what_is_missing_is_found() -> None:
    listed = "# a list\nf.go\n  One\n    a\n    b\n    b\n  Two\n"
    assert names(listed) == {"f.go::One::a": 1, "f.go::One::b": 2, "f.go::Two": 1}
    module = ModuleType("m")

    def test_x() -> None: ...

    test_x.__module__ = "m"
    pytest.mark.upstream("f.go::Two")(test_x)
    pytest.mark.parametrize("v", [pytest.param(1, marks=pytest.mark.upstream("f.go::One::a")), 2])(test_x)
    module.test_x = test_x  # type: ignore[attr-defined]
    assert counterparts([module]) == {"f.go::One::a": 1, "f.go::Two": 1}
    pytest.mark.skip(test_x)
    with pytest.raises(AssertionError):
        counterparts([module])
