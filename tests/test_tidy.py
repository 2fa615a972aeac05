"""The tree keeps its own rules: layers, bans, lengths, no machine's traces.  Each rule is shown to fail."""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: Design, section 2: a part imports from lower rows only, and nothing from its own row but itself.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("units", "rng", "errors", "trace"),
    ("api",),
    ("laws",),
    ("apiserver", "hardware", "workload", "results"),
    ("controllers",),
    ("runtime",),
    ("scenario", "testing"),
    ("report", "study"),
    ("moment",),
    ("simulate", "e2e", "fuzz"),
    ("__init__",),
    ("cli",),
    ("__main__",),
)
#: Who may import what from outside.  A package that is not here is not a dependency.
THIRD_PARTY: dict[str, tuple[str, ...]] = {
    "msgspec": ("api", "scenario", "trace", "results", "report", "simulate"),
    "re2": ("controllers",),
    "numpy": (
        *("rng", "trace", "apiserver", "hardware", "workload", "results", "controllers/scheduler"),
        *("runtime", "scenario", "testing", "report", "study"),
    ),
    "networkx": ("hardware/topology",),
    "simpy": ("runtime",),
    "jsonpatch": ("runtime/actions",),
    "yaml": ("scenario",),
    "hypothesis": ("testing",),
    "matplotlib": ("report",),
    "duckdb": ("report", "study"),
    "pandas": ("results",),
    "dask": ("study",),
    "distributed": ("study",),
    "click": ("cli",),
}
BANNED = ("random", "time", "datetime", "uuid", "secrets")
CLOCKS = ("os.urandom", "os.getrandom", "os.times", "signal.setitimer")
PROCESS_BOUND = ("hash", "id")
CACHES = ("lru_cache", "cache", "functools.lru_cache", "functools.cache")
MUTABLE = ("dict", "list", "set", "defaultdict", "OrderedDict", "Counter", "deque", "WeakValueDictionary")
FILE_LINES, FUNCTION_LINES, LINE_COLUMNS = 400, 60, 110
FOLDERS = ("jobsim", "tests", "benchmarks", "notebooks", "scenarios", ".ci")
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".jsonl", ".txt", ".ipynb", ".html", ""}
HOSTLESS = re.compile(r"(constraints|requirements)[^/]*\.txt|Makefile|\.ci/.*")
HOST = re.compile(r"[a-z]+://[a-z0-9]")


class Source(NamedTuple):
    """One file: its path from the root, its text, its syntax tree if it is Python."""

    path: PurePosixPath
    text: str
    tree: ast.Module

    @property
    def inside(self) -> str:
        """The path below jobsim without suffix (``api/pod``), empty for other files."""
        parts = self.path.with_suffix("").parts
        return "/".join(parts[1:]) if parts[0] == "jobsim" and self.path.suffix == ".py" else ""


def source(path: str, text: str) -> Source:
    return Source(PurePosixPath(path), text, ast.parse(text if path.endswith(".py") else ""))


def whole_tree() -> list[Source]:
    found = [p for p in ROOT.iterdir() if p.is_file()]
    for folder in FOLDERS:
        found += [p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    return [
        source(p.relative_to(ROOT).as_posix(), p.read_text(encoding="utf-8"))
        for p in sorted(found)
        if p.suffix in TEXT and not p.name.startswith(".coverage")
    ]


def imports(src: Source) -> Iterator[tuple[int, str]]:
    """Yield every import of a file, those inside functions too, as (line, dotted name)."""
    for node in ast.walk(src.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join((*src.path.parts[: -node.level], *filter(None, [base])))
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def functions(src: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(src.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def calls(src: Source) -> Iterator[tuple[int, str]]:
    for node in ast.walk(src.tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def layer(part: str) -> int:
    return next((i for i, row in enumerate(LAYERS) if part in row), -1)


def layers(src: Source) -> Iterator[str]:
    """A part imports only from lower layers, never from a part beside it."""
    if not src.inside:
        return
    part = src.inside.partition("/")[0]
    if layer(part) < 0:
        yield f"1: {part} is in no layer"
    for line, name in imports(src):
        words = name.split(".")
        if words[0] != "jobsim":
            continue
        other = words[1] if len(words) > 1 and layer(words[1]) >= 0 else "__init__"
        if other != part and layer(other) >= layer(part):
            yield f"{line}: {part} (layer {layer(part)}) imports {other} (layer {layer(other)})"


def runtime_free_testing(src: Source) -> Iterator[str]:
    """The testing package never imports the runtime."""
    for line, name in imports(src):
        if src.inside.startswith("testing") and name.startswith("jobsim.runtime"):
            yield f"{line}: testing imports {name}"


def third_party(src: Source) -> Iterator[str]:
    """A package from outside is imported only where THIRD_PARTY says."""
    for line, name in imports(src) if src.inside else ():
        top = name.partition(".")[0]
        if top in ("jobsim", "__future__", *__import__("sys").stdlib_module_names):
            continue
        scopes = THIRD_PARTY.get(top, ())
        if not any(src.inside == s or src.inside.startswith(s + "/") for s in scopes):
            yield f"{line}: imports {top}, which belongs in {', '.join(scopes) or 'no part'}"


def banned(src: Source) -> Iterator[str]:
    """No module of jobsim imports a clock, a calendar or a random source."""
    for line, name in imports(src) if src.inside else ():
        if name.partition(".")[0] in BANNED:
            yield f"{line}: imports {name}"


def process_bound(src: Source) -> Iterator[str]:
    """Nothing asks for what differs between processes: clocks, entropy, hash(), id(), numpy.random."""
    for line, name in calls(src) if src.inside else ():
        numpy_random = re.match(r"(np|numpy)\.random\.", name) and src.inside != "rng"
        if name in CLOCKS or name in PROCESS_BOUND or numpy_random:
            yield f"{line}: calls {name}"


def set_order(src: Source) -> Iterator[str]:
    """No loop, list, tuple or join runs over a set as it lies in memory: sort it first."""
    for node in ast.walk(src.tree) if src.inside else ():
        runs: list[ast.expr] = []
        if isinstance(node, ast.For | ast.comprehension):
            runs = [node.iter]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("list", "tuple", ".join")):
            runs = node.args
        for run in runs:
            called = ast.unparse(run.func) if isinstance(run, ast.Call) else ""
            if isinstance(run, ast.Set | ast.SetComp) or called in ("set", "frozenset"):
                yield f"{run.lineno}: runs over an unsorted set"


def caches(src: Source) -> Iterator[str]:
    """No state lives in a module: no functools cache, no empty container to be filled, no global."""
    if not src.inside:
        return
    for function in functions(src):
        for decorator in function.decorator_list:
            name = ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if name in CACHES:
                yield f"{function.lineno}: {function.name} is cached for the process's life"
    for node in ast.walk(src.tree):
        if isinstance(node, ast.Global):
            yield f"{node.lineno}: global {', '.join(node.names)}"
    for statement in src.tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _fillable(statement.value):
            yield f"{statement.lineno}: a container to be filled at module level"


def _fillable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] in MUTABLE and not value.args
    empty_list = isinstance(value, ast.List) and not value.elts
    return empty_list or (isinstance(value, ast.Dict) and not value.keys)


def lengths(src: Source) -> Iterator[str]:
    """Files, functions and lines stay short."""
    if src.path.suffix != ".py":
        return
    lines = src.text.splitlines()
    if len(lines) >= FILE_LINES:
        yield f"1: {len(lines)} lines (under {FILE_LINES})"
    for function in functions(src):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length >= FUNCTION_LINES:
            yield f"{function.lineno}: {function.name} has {length} lines (under {FUNCTION_LINES})"
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS:
            yield f"{number}: {len(line)} columns (at most {LINE_COLUMNS})"


def docstrings(src: Source) -> Iterator[str]:
    """Modules and public functions say what they are; a method of one statement may speak for itself."""
    if not src.inside or not src.tree.body:
        return
    if ast.get_docstring(src.tree) is None:
        yield "1: the module has no docstring"
    owners = [(src.tree, 0)] + [(c, 1) for c in src.tree.body if isinstance(c, ast.ClassDef)]
    for owner, short in owners:
        private = isinstance(owner, ast.ClassDef) and owner.name.startswith("_")
        for node in owner.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or private:
                continue
            public = not node.name.startswith("_") and len(node.body) > short
            if public and ast.get_docstring(node) is None:
                yield f"{node.lineno}: {node.name} has no docstring"


def hosts(src: Source) -> Iterator[str]:
    """What is installed from and run in CI names no host."""
    if HOSTLESS.fullmatch(str(src.path)):
        for number, line in enumerate(src.text.splitlines(), 1):
            if HOST.search(line):
                yield f"{number}: names a host"


def machine_paths(src: Source) -> Iterator[str]:
    """No file tells where it was made."""
    homes = {str(ROOT.parent), str(Path.home()), "/home/" + "someone"} - {"/", tempfile.gettempdir()}
    pattern = re.compile("|".join(re.escape(home) + "/" for home in sorted(homes)))
    for number, line in enumerate(src.text.splitlines(), 1):
        if pattern.search(line):
            yield f"{number}: names a path of a machine"


RULES: tuple[Callable[[Source], Iterable[str]], ...] = (
    layers,
    runtime_free_testing,
    third_party,
    banned,
    process_bound,
    set_order,
    caches,
    lengths,
    docstrings,
    hosts,
    machine_paths,
)

#: For each rule, files that break it; most of them are one line of code.
BROKEN: tuple[tuple[Callable[[Source], Iterable[str]], str, str], ...] = (
    (layers, "jobsim/api/x.py", "from jobsim.runtime import engine"),
    (layers, "jobsim/api/x.py", "def f():\n    from jobsim import controllers"),
    (layers, "jobsim/results/x.py", "import jobsim.apiserver.store"),
    (layers, "jobsim/controllers/job/x.py", "from ...runtime import engine"),
    (layers, "jobsim/scenario/x.py", "from jobsim import run"),
    (layers, "jobsim/study/x.py", "from jobsim.report import page"),
    (layers, "jobsim/novelty.py", "x = 1"),
    (runtime_free_testing, "jobsim/testing/x.py", "from jobsim.runtime.engine import Engine"),
    *((third_party, "jobsim/api/x.py", f"import {name}") for name in THIRD_PARTY if name != "msgspec"),
    (third_party, "jobsim/units.py", "import msgspec"),
    (third_party, "jobsim/controllers/job/x.py", "import numpy as np"),
    (third_party, "jobsim/hardware/network.py", "def f():\n    from networkx import Graph"),
    (third_party, "jobsim/cli/x.py", "import requests"),
    *((banned, "jobsim/cli/x.py", f"def f():\n    import {name}") for name in BANNED),
    (banned, "jobsim/units.py", "from datetime import UTC"),
    (process_bound, "jobsim/rng.py", "import os\nx = os.urandom(8)"),
    (process_bound, "jobsim/api/x.py", "def f(pod):\n    return hash(pod)"),
    (process_bound, "jobsim/api/x.py", "def f(pod):\n    return id(pod)"),
    (process_bound, "jobsim/hardware/x.py", "import numpy as np\nx = np.random.default_rng()"),
    (set_order, "jobsim/api/x.py", "for x in {1, 2}:\n    print(x)"),
    (set_order, "jobsim/api/x.py", "y = [x for x in set(z)]"),
    (set_order, "jobsim/api/x.py", "y = ', '.join({x for x in z})"),
    (set_order, "jobsim/api/x.py", "y = tuple(frozenset(z))"),
    (caches, "jobsim/api/x.py", "@functools.lru_cache(maxsize=None)\ndef f(): ..."),
    (caches, "jobsim/api/x.py", "@cache\ndef f(): ..."),
    (caches, "jobsim/api/x.py", "_seen: dict[str, int] = {}"),
    (caches, "jobsim/api/x.py", "_seen = collections.defaultdict()"),
    (caches, "jobsim/api/x.py", "def f():\n    global n\n    n = 1"),
    (lengths, "tests/x.py", "x = 1\n" * FILE_LINES),
    (lengths, "jobsim/x.py", "def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1)),
    (lengths, "benchmarks/x.py", "x = " + "1" * LINE_COLUMNS),
    (docstrings, "jobsim/api/x.py", "x = 1"),
    (docstrings, "jobsim/api/x.py", '"""X."""\ndef f(): ...'),
    (docstrings, "jobsim/api/x.py", '"""X."""\nclass C:\n    def f(self):\n        x = 1\n        return x'),
    (hosts, "Makefile", "get:\n\tcurl ftp" + "://example"),
    (hosts, "constraints.txt", "--index-url https" + "://example/simple"),
    (hosts, ".ci/run", "git clone git" + "://example"),
    (machine_paths, "README.md", "open /home/" + "someone/x"),
)


@pytest.fixture(scope="module")
def tree() -> list[Source]:
    return whole_tree()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_tree_keeps(rule: Callable[[Source], Iterable[str]], tree: list[Source]) -> None:
    found = [f"{src.path}:{finding}" for src in tree for finding in rule(src)]
    assert not found, f"{rule.__doc__}\n" + "\n".join(found)


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_rule_fails(rule: Callable[[Source], Iterable[str]], path: str, text: str) -> None:
    assert list(rule(source(path, text)))


def test_every_rule_is_shown_to_fail() -> None:
    assert set(RULES) == {rule for rule, _, _ in BROKEN}


def golden_names(src: Source) -> Iterator[re.Pattern[str]]:
    """Yield what a test file's calls of golden() can name; a placeholder stands for any text."""
    for node in ast.walk(src.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("golden") and node.args:
            name = node.args[0]
            parts = name.values if isinstance(name, ast.JoinedStr) else [name]
            fixed = [re.escape(p.value) if isinstance(p, ast.Constant) else ".+" for p in parts]
            yield re.compile("".join(fixed))


def unused(names: list[str], sources: list[Source]) -> list[str]:
    patterns = [p for src in sources for p in golden_names(src) if p.pattern != ".+"]
    return [name for name in names if not any(p.fullmatch(name) for p in patterns)]


def test_every_golden_file_is_used(tree: list[Source]) -> None:
    names = sorted(
        p.relative_to(ROOT / "tests/golden").with_suffix("").as_posix()
        for p in (ROOT / "tests/golden").rglob("*.txt")
    )
    assert not unused(names, [s for s in tree if s.path.parts[0] == "tests"])


def test_an_unused_golden_file_is_found() -> None:
    user = source("tests/x.py", "golden('one', t)\ngolden(f'run-{name}', t)\nshow(golden)")
    assert unused(["one", "run-a", "run-", "two"], [user]) == ["run-", "two"]


def strangers(tests: list[Source], packages: set[str]) -> list[str]:
    """Return the test files that lie in no folder named after a package, or whose tests are never run."""
    found = []
    for src in tests:
        path = src.path.relative_to("tests")
        hidden = any(f.name.startswith("test_") for f in src.tree.body if isinstance(f, ast.FunctionDef))
        if path.parent.as_posix() not in packages or (hidden and not path.name.startswith("test_")):
            found.append(path.as_posix())
    return found


def test_tests_mirror_packages(tree: list[Source]) -> None:
    packages = {p.parent.relative_to(ROOT / "jobsim").as_posix() for p in ROOT.glob("jobsim/**/__init__.py")}
    packages.add("upstream")  # The real JobSet's own cases, which are listed by its files, not by ours.
    files = [src for src in tree if src.path.parts[0] == "tests" and src.path.suffix == ".py"]
    assert not strangers(files, packages)


def test_a_stranger_among_the_tests_is_found() -> None:
    a_test = "def test_pod():\n    assert True"
    names = ["test_a.py", "api/test_pod.py", "api/pod.py", "api/nothing.py", "nowhere/test_a.py"]
    files = [source(f"tests/{name}", "" if "nothing" in name else a_test) for name in names]
    assert strangers(files, {".", "api"}) == ["api/pod.py", "nowhere/test_a.py"]
