"""Label and field selectors."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobsim.api.core import Node, NodeSpec
from jobsim.api.field_selectors import check_fields, field_of, parse_fields
from jobsim.api.meta import LabelSelector, LabelSelectorRequirement, ObjectMeta
from jobsim.api.pod import Pod, PodSpec, PodStatus
from jobsim.api.selectors import (
    EVERYTHING,
    SelectorError,
    as_selector,
    format_selector,
    matches,
    matches_expressions,
    matches_map,
    meets,
    parse_labels,
)

LABELS = {"a": "b", "n": "5", "empty": "", "in": "notin", "x.io/k": "v"}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("  ", True),
        ("a=b", True),
        ("a==b", True),
        ("a!=b", False),
        ("z!=b", True),
        ("a", True),
        ("!a", False),
        ("! z", True),
        ("a in (c,b)", True),
        ("a notin (c, d)", True),
        ("z notin (c)", True),
        ("z in (c)", False),
        ("a=b,n=6", False),
        ("n>4,n<6", True),
        ("n>5", False),
        ("a>1", False),
        ("empty=", True),
        ("empty=,a=b", True),
        ("empty in (,z)", True),
        ("a in (,)", False),
        ("in in (notin)", True),
        ("in=notin", True),
        ("x.io/k=v", True),
        ("a=b,", True),
    ],
)
def test_text(text: str, selected: bool) -> None:
    if text == "a=b,":
        with pytest.raises(SelectorError, match="expected: identifier after ','"):
            parse_labels(text)
        return
    assert parse_labels(text).matches(LABELS) is selected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a=b,,c", "found ',', expected: identifier after ','"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"),
        (
            "a in ()",
            "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set "
            "can't be empty",
        ),
        ("a=(", "unable to parse requirement: found '(', expected: identifier"),
        (
            "a>b",
            "unable to parse requirement: values[0]: Invalid value: \"b\": for 'Gt', 'Lt' operators, "
            "the value must be an integer",
        ),
    ],
)
def test_text_errors(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse_labels(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "text", ["_a", "a/", "/a", "A.b/C/d", "x_y/z", "k" * 64, "a=" + "v" * 64, "a=-b", "a=ü"]
)
def test_text_with_invalid_names(text: str) -> None:
    with pytest.raises(SelectorError, match=r"unable to parse requirement: (key|values)"):
        parse_labels(text)


def expression(key: str, operator: str, *values: str) -> LabelSelectorRequirement:
    return LabelSelectorRequirement(key=key, operator=operator, values=values)


@pytest.mark.parametrize(
    ("selector", "selected", "text"),
    [
        (None, False, "<none>"),
        (LabelSelector(), True, "<none>"),
        (LabelSelector(match_labels={"a": "b"}), True, "a=b"),
        (LabelSelector(match_labels={"a": "c"}), False, "a=c"),
        (LabelSelector(match_expressions=(expression("a", "Exists"),)), True, "a"),
        (LabelSelector(match_expressions=(expression("z", "DoesNotExist"),)), True, "!z"),
        (LabelSelector(match_expressions=(expression("a", "NotIn", "c", "b"),)), False, "a notin (b,c)"),
        (LabelSelector(match_expressions=(expression("z", "NotIn", "b"),)), True, "z notin (b)"),
        (LabelSelector(match_expressions=(expression("n", "Gt", "4"),)), True, "n>4"),
        (LabelSelector(match_expressions=(expression("n", "Lt", "4"),)), False, "n<4"),
        (
            LabelSelector(match_labels={"x.io/k": "v"}, match_expressions=(expression("a", "In", "b"),)),
            True,
            "a=b,x.io/k=v",
        ),
    ],
)
def test_objects(selector: LabelSelector | None, selected: bool, text: str) -> None:
    assert matches(selector, LABELS) is selected
    assert format_selector(selector) == text
    compiled = as_selector(selector)
    assert (compiled is not None and compiled.matches(LABELS)) is selected
    if selector is not None:
        assert matches_map(selector.match_labels, LABELS) or not selected
        assert matches_expressions(selector.match_expressions, LABELS) or not selected


@pytest.mark.parametrize(
    ("label", "operator", "values"),
    [
        ("5", "Gt", ("x",)),
        ("x", "Lt", ("5",)),
        (None, "Gt", ("1",)),
        ("5", "Gt", ()),
        ("9" * 19, "Gt", ("1",)),
        ("a", "?", ()),
    ],
)
def test_what_cannot_be_compared_does_not_match(
    label: str | None, operator: str, values: tuple[str, ...]
) -> None:
    assert not meets(label, operator, values)


def test_everything() -> None:
    assert EVERYTHING.matches({})


WORDS = st.sampled_from(["a", "b", "c", "d/e"])


@given(st.dictionaries(WORDS, WORDS.filter(str.isalpha)), st.dictionaries(WORDS, WORDS.filter(str.isalpha)))
def test_text_and_object_agree(wanted: dict[str, str], labels: dict[str, str]) -> None:
    selector = LabelSelector(match_labels=wanted)
    text = ",".join(f"{k}={v}" for k, v in wanted.items())
    assert parse_labels(text).matches(labels) == matches(selector, labels) == matches_map(wanted, labels)


@given(st.text(alphabet="ab=!,() in<>\\ü", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_labels, parse_fields):
        with contextlib.suppress(SelectorError):
            parse(text)  # type: ignore[operator]


POD = Pod(
    metadata=ObjectMeta(name="p", namespace="ns"),
    spec=PodSpec(node_name="n1", restart_policy="Never"),
    status=PodStatus(phase="Running"),
)


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("metadata.name=p,metadata.namespace==ns", True),
        ("status.phase!=Running", False),
        ("status.phase=Running,spec.nodeName!=n2", True),
        ("spec.nodeName=", False),
        ("spec.restartPolicy=Never", True),
        ("spec.hostNetwork=false", True),
        ("spec.schedulerName=,spec.serviceAccountName=,status.podIP=,status.nominatedNodeName=", True),
    ],
)
def test_fields(text: str, selected: bool) -> None:
    selector = parse_fields(text)
    check_fields(selector, "Pod")
    assert selector.matches(POD) is selected


def test_field_of_another_kind() -> None:
    node = Node(metadata=ObjectMeta(name="n"), spec=NodeSpec(unschedulable=True))
    assert field_of(node, "spec.unschedulable") == "true"
    for refuse in (
        lambda: field_of(node, "status.phase"),
        lambda: check_fields(parse_fields("status.phase=x"), "Node"),
    ):
        with pytest.raises(SelectorError, match=r"field label not supported: status\.phase"):
            refuse()


@pytest.mark.parametrize(
    ("text", "value"), [(r"metadata.name=a\,b", "a,b"), (r"metadata.name=a\=b\\", "a=b\\")]
)
def test_escapes(text: str, value: str) -> None:
    assert parse_fields(text).terms[0].value == value


@pytest.mark.parametrize(
    "text", ["metadata.name", r"metadata.name=\x", "metadata.name=a=b", "metadata.name=\\"]
)
def test_field_text_errors(text: str) -> None:
    with pytest.raises(SelectorError):
        parse_fields(text)
