"""Documents as kubectl reads them: scalars, pieces, lines, and every way to be wrong."""

from __future__ import annotations

import math
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.errors import InputErrors
from jobsim.scenario.yaml import Document, load_documents, read_documents

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
CONVERT = "error converting YAML to JSON: "


def load(text: str | bytes) -> list[object]:
    return [document.data for document in load_documents(text, "f.yaml")]


def error(text: str | bytes) -> str:
    with pytest.raises(InputErrors) as caught:
        load_documents(text, "f.yaml")
    return str(caught.value)


# What kubectl 1.32 makes of a scalar (kubectl annotate --local -o json).
SCALARS = [
    *((word, True) for word in ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")),
    *((word, False) for word in ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")),
    *((word, None) for word in ("~", "null", "Null", "NULL", "")),
    *((word, word) for word in ("tRUE", "yES", "nULL", "=", "-x", "+", "12:30:45", "1:30", "2026-01-01")),
    *((word, word) for word in ("2026-01-01T00:00:00Z",)),
    *((word, word) for word in ("0x", "0b", "0b102", "0o", "._5", ".5_", "1e400", "+.inf x")),
    ("0644", 420), ("0o17", 15), ("+0o17", 15), ("0O17", 15), ("0x1F", 31), ("-0x1F", -31), ("0X1f", 31),
    ("0b11", 3), ("-0b11", -3), ("0B1", 1), ("1_000", 1000), ("0_7", 7), ("1__0", 10), ("08", 8), ("+12", 12),
    ("-0", 0), ("-0.0", 0), ("1.", 1), (".5", 0.5), (".5_0", 0.5), ("+.5", 0.5), ("1_000.5", 1000.5),
    ("1e3", 1000), ("1E3", 1000), ("1e+3", 1000), ("1.e3", 1000), ("1.5e-7", 1.5e-7), ("1e21", 1e21),
    ("9223372036854775807", 2**63 - 1), ("9223372036854775808", 2.0**63), ("18446744073709551616", 2.0**64),
    ("1.0000000000000001e18", 1000000000000000100), ("99999999999999999999999", 1e23),
    ("!!str 12", "12"), ("! 12", "12"), ("!foo bar", "bar"), ("'y'", "y"), ('"1"', "1"), ("!!int '3'", 3),
    ("!!float 3", 3), ("!!bool yes", True), ("!!null ~", None), ("!!binary aGk=", "hi"), ("!!str ~", "~"),
    ("!!timestamp 2026-01-01", "2026-01-01"), ("!foo [a]", ["a"]), ("|\n  a\n  b\n", "a\nb\n"), ("<<", "<<"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalar(text: str, value: object) -> None:
    assert load(f"x: {text}\n") == [{"x": value}]
    got = load(f"x: {text}\n")[0]["x"]
    assert type(got) is type(value)


KEYS = [
    ("y", "true"), ("010", "8"), ("0x10", "16"), ("1.5", "1.5"), ("1e6", "1e+06"), ("1e5", "100000"),
    ("1234567.0", "1.234567e+06"), ("3.3333333333", "3.3333333"), ("-0.00001", "-1e-05"), (".inf", ".inf"),
    ("1e39", ".inf"), ("-1e39", "-.inf"), (".nan", ".nan"), ("1e-50", "0"), ("0.1", "0.1"), ("'on'", "on"),
    ("2026-01-01", "2026-01-01"), ("!!str 1", "1"), ("no", "false"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "key"), KEYS)
def test_key_becomes_text(text: str, key: str) -> None:
    assert load(f"? {text}\n: 1\n") == [{key: 1}]


MERGES = [
    ("{<<: *b, a: 5}", {"a": 5, "c": 2}),
    ("{a: 5, <<: *b}", {"a": 1, "c": 2}),  # go-yaml v2: what comes later wins
    ("{<<: [*b, {a: 7, z: 3}], q: 1}", {"a": 1, "c": 2, "z": 3, "q": 1}),
    ("{'<<': 1}", {"<<": 1}),
]


@pytest.mark.parametrize(("text", "value"), MERGES)
def test_merge(text: str, value: object) -> None:
    document = load_documents(f"b: &b {{a: 1, c: 2}}\nm: {text}\n", "f")[0]
    assert document.data["m"] == value
    assert document.duplicates == ()


ERRORS = [
    ("x: .nan", "4: CONVERTjson: unsupported value: NaN"),
    ("x: [1, .inf]", "4: CONVERTjson: unsupported value: +Inf"),
    ("x: -.inf", "4: CONVERTjson: unsupported value: -Inf"),
    ("? : 1", "4: CONVERTyaml: line 3: did not find expected key"),
    (
        "~: 1",
        "4: CONVERTunsupported map key of type: %!s(<nil>), key: <nil>, value: 1",
    ),
    ("x: {? }", "4: CONVERTunsupported map key of type: %!s(<nil>), key: <nil>, value: <nil>"),
    ("x: !!int a\ny: b: c", "5: CONVERTyaml: line 5: mapping values are not allowed in this context"),
    ("x: *a\ny: b: c", "4: CONVERTyaml: unknown anchor 'a' referenced"),
    ("x: .nan\ny: !!int a", "5: CONVERTyaml: cannot decode !!str `a` as a !!int"),
    ("? [a]\n: 1", '4: CONVERTyaml: invalid map key: []interface {}{"a"}'),
    (
        "? {a: ~, b: y}\n: 1",
        "4: CONVERTyaml: invalid map key: "
        'map[interface {}]interface {}{"a":interface {}(nil), "b":true}',
    ),
    ("x: *foo", "4: CONVERTyaml: unknown anchor 'foo' referenced"),
    ("a: &a [*a]", "4: CONVERTyaml: anchor 'a' value contains itself"),
    ("<<: 1", "4: CONVERTyaml: map merge requires map or sequence of maps as the value"),
    ("<<: [1]", "4: CONVERTyaml: map merge requires map or sequence of maps as the value"),
    ("x: !!int foo", "4: CONVERTyaml: cannot decode !!str `foo` as a !!int"),
    ("x: !!int 3.0", "4: CONVERTyaml: cannot decode !!float `3.0` as a !!int"),
    ("x: !!float yes", "4: CONVERTyaml: cannot decode !!bool `yes` as a !!float"),
    ("x: !!timestamp a", "4: CONVERTyaml: cannot decode !!str `a` as a !!timestamp"),
    ('x: !!binary "*"', "4: CONVERTyaml: !!binary value contains invalid base64 data"),
    ('x: "a', "5: CONVERTyaml: line 5: found unexpected end of stream"),
    ("x: [1", "5: CONVERTyaml: line 4: did not find expected ',' or ']'"),
    ("x: @a", "4: CONVERTyaml: line 4: found character that cannot start any token"),
    ("x: a\n\ty: b", "5: CONVERTyaml: line 5: found a tab character that violates indentation"),
    ("x: 1\n y: 2", "5: CONVERTyaml: line 5: mapping values are not allowed in this context"),
    ("- a", "4: CONVERTyaml: line 3: did not find expected key"),
    ('x: "\x01"', "4: CONVERTyaml: control characters are not allowed"),
    ("x: |\na", "6: CONVERTyaml: line 6: could not find expected ':'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ERRORS)
def test_conversion_error(text: str, expected: str) -> None:
    assert error(HEAD + text + "\n") == "f.yaml:" + expected.replace("CONVERT", CONVERT)


KUBECTL = Path("/usr/bin/kubectl")


@pytest.mark.skipif(not KUBECTL.exists(), reason="no kubectl here")
def test_kubectl_agrees(tmp_path: Path) -> None:
    def kubectl(text: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "o.yaml"
        file.write_text(text)
        command = [str(shutil.which("kubectl")), "annotate", "--local", "-o", "json", "-f", str(file), "a=b"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    lines = [f"s{i}: {text}" for i, (text, _) in enumerate(SCALARS)]
    lines += [f"k{i}: {{{text}: 1}}" for i, (text, _) in enumerate(KEYS)]
    lines += ["b: &b {a: 1, c: 2}", *(f"m{i}: {text}" for i, (text, _) in enumerate(MERGES))]
    text = HEAD + "\n".join(lines) + "\n"
    theirs = load_documents(kubectl(text).stdout, "kubectl")[0].data
    assert load(text.replace("{name: x}", "{name: x, annotations: {a: b}}")) == [theirs]
    refusal = kubectl(HEAD + "x: [1\n").stderr
    if "line 4: did not find expected ',' or ']'" in refusal:
        for bad, expected in ERRORS:
            assert (
                expected.partition(": ")[2].replace("CONVERT", CONVERT) in kubectl(HEAD + bad + "\n").stderr
            )


PIECES = [
    ("", []),
    ("# nothing\n", []),
    ("---\n---\n", []),
    ("null\n---\n~\n", []),
    ("a: 1\n--- # second\nb: 2\n", [(1, {"a": 1}), (3, {"b": 2})]),
    ("\n\na: 1\n---\n\n# c\nb: 2\n---", [(3, {"a": 1}), (7, {"b": 2})]),
    ("\ufeffa: 1\r\nb: 2\r\n", [(1, {"a": 1, "b": 2})]),
    ('{"a": 1}\n', [(1, {"a": 1})]),
    ('\n{"a": 1} {\n"b": 1e3}\n---\nc: 3', [(2, {"a": 1}), (2, {"b": 1000}), (5, {"c": 3})]),
    ('{"a": "\\ud83d\\ude00"}', [(1, {"a": "\U0001f600"})]),
    ('{"a": 12345678901234567890123}', [(1, {"a": 1.2345678901234568e22})]),
    ("a: &x {b: 1}\nc: *x\n", [(1, {"a": {"b": 1}, "c": {"b": 1}})]),
    ("a: [&x 1, *x, &x 2, *x]\n", [(1, {"a": [1, 1, 2, 2]})]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PIECES)
def test_pieces(text: str, expected: list[tuple[int, object]]) -> None:
    assert [(d.line, d.data) for d in load_documents(text, "f")] == expected


WRONG = [
    ("a: 1\n--- b\n", "f.yaml:2: invalid Yaml document separator: b"),
    ("hello\n", "f.yaml:1: invalid object to validate (a document is a map with apiVersion and kind)"),
    ("\n- a\n", "f.yaml:2: invalid object to validate (a document is a map with apiVersion and kind)"),
    ('{"a": 1} 3', "f.yaml:1: invalid object to validate (a document is a map with apiVersion and kind)"),
    ('{"a": 1,\n"b": }', "f.yaml:2: json: expecting value at column 6"),
    ("{a: y}", "f.yaml:1: json: expecting property name enclosed in double quotes at column 2"),
    ('{"a": NaN}', "f.yaml:1: json: invalid character 'N' looking for beginning of value"),
    ('{"a": 1e999}', "f.yaml:1: json: cannot unmarshal number 1e999 into Go value of type float64"),
    (b"a: 1\nb: \xff\n", "f.yaml:2: is not UTF-8: byte 0xff (UTF-8 text is needed)"),
    ("a: \ud800\n", "f.yaml:1: error converting YAML to JSON: yaml: invalid Unicode character"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_wrong_text(text: str | bytes, expected: str) -> None:
    assert error(text) == expected


def test_every_document_with_an_error_is_named() -> None:
    assert error("a: [\n---\nb: 1\n---\nc: *d\n").splitlines() == [
        "f.yaml:2: error converting YAML to JSON: yaml: line 1: did not find expected node content",
        "f.yaml:5: error converting YAML to JSON: yaml: unknown anchor 'd' referenced",
    ]


BILLION = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = [
    (BILLION, f"f.yaml:6: {CONVERT}yaml: document contains excessive aliasing (at most 200000 nodes)"),
    ("a: " + "[" * 100_000, "f.yaml:1: nested too deep (at most 200 levels)"),
    ("- " * 100_000, "f.yaml:1: nested too deep (at most 200 levels)"),
    ('{"a":' * 100_000, "f.yaml:1: nested too deep (at most 200 levels)"),
    ('{"a":' * 250 + "1" + "}" * 250, "f.yaml:1: nested too deep (at most 200 levels)"),
    ("a: " + "{a: " * 100_000, "f.yaml:1: nested too deep (at most 200 levels)"),
]  # fmt: skip


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("text", "expected"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_refused_in_bounded_memory(text: str, expected: str) -> None:
    tracemalloc.start()
    try:
        assert error(text) == expected
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()


def test_a_line_of_one_megabyte_is_only_long() -> None:
    assert load("a: " + "x" * 2**20) == [{"a": "x" * 2**20}]
    assert load('{"a": "' + "x" * 2**20 + '"}') == [{"a": "x" * 2**20}]
    assert (
        error("x" * 2**20)
        == "f.yaml:1: invalid object to validate (a document is a map with apiVersion and kind)"
    )


LINED = """\
# a comment
a:
  b: 1
  c:
  - d: 2
    e: &e {f: 3}
  - x
  -
    - g: *e
m: |
  text
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 3), (("a",), 3), (("a", "b"), 4), (("a", "c"), 5), (("a", "c", 0), 6), (("a", "c", 0, "d"), 6),
        (("a", "c", 0, "e"), 7), (("a", "c", 0, "e", "f"), 7), (("a", "c", 1), 8),
        (("a", "c", 2, 0, "g"), 10), (("a", "c", 2, 0, "g", "f"), 10), (("m",), 11),
        (("a", "z", "y"), 3), (("q",), 3),
    ],
)  # fmt: skip
def test_lines(path: tuple[str | int, ...], line: int) -> None:
    assert load_documents("---\n" + LINED, "f")[0].lines.of(path) == line


def test_lines_of_json() -> None:
    document = load_documents('\n{"a": [1,\n {"b":\t2}]}', "f")[0]
    assert [document.lines.of(p) for p in ((), ("a", 0), ("a", 1, "b"))] == [2, 2, 3]


def duplicates(document: Document) -> list[tuple[str, int]]:
    return [(".".join(map(str, d.path)), d.line) for d in document.duplicates]


def test_the_last_of_repeated_keys_wins_and_is_noted() -> None:
    document = load_documents("a: 1\nb: [{c: 1, c: 2}]\na: 3\n", "f")[0]
    assert document.data == {"a": 3, "b": [{"c": 2}]}
    assert duplicates(document) == [("b.0.c", 2), ("a", 3)]


def test_repeated_keys_of_json() -> None:
    document = load_documents('{"spec": {"suspend": true,\n "suspend": false}}', "f")[0]
    assert document.is_json
    assert document.data == {"spec": {"suspend": False}}
    assert duplicates(document) == [("spec.suspend", 2)]


def test_a_scenario_keeps_its_keys_as_written() -> None:
    document = load_documents("kind: Scenario\non: {y: 1, 0x10: y}\nx: .nan\n", "f")[0]
    assert document.data["on"] == {"y": 1, "0x10": True}
    assert math.isnan(document.data["x"])
    assert document.lines.of(("on", "0x10")) == 2


def test_files(tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("# nothing\n")
    cases = [
        (tmp_path / "none.yaml", "none.yaml: cannot be read: no such file or directory"),
        (tmp_path, "d: is a directory (a file is needed)"),
        (empty, "empty.yaml: no objects in it (at least one YAML or JSON document)"),
        (Path("a\0b"), "nul: cannot be read: embedded null byte"),
    ]
    for path, expected in cases:
        with pytest.raises(InputErrors) as caught:
            read_documents(path, expected.partition(":")[0])
        assert str(caught.value) == expected


TOKENS = ["a: ", "- ", "\n", "\n  ", "x", "0644", '"', "'", "{", "}", "[", "]", ", ", "&a ", "*a", "<<: "]
TOKENS += ["? ", "~", ".nan", "\t", "%", "@", "\n---\n", "...\n", "kind: Scenario\n", "\x00", "\ud800"]
TOKENS += ['{"a": ', "1e999", "!!int ", "|\n "]


def lines_of(text: str) -> list[int | None]:
    try:
        return [document.line for document in load_documents(text, "f")]
    except InputErrors as err:
        return [error.line for error in err.errors]


@given(st.lists(st.sampled_from(TOKENS), max_size=12).map("".join))
def test_any_text_is_documents_or_an_error_with_its_line(text: str) -> None:
    assert all(line is not None and 1 <= line <= text.count("\n") + 1 for line in lines_of(text))
