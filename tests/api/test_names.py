"""Names, labels and paths: what is wrong with them, in the API server's words."""

from __future__ import annotations

import pytest

from jobsim.api import names

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation "
    r"is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
DNS1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
DNS1123 = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
    "regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
    "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
LABEL_KEY = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', "
    "regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("a", []),
        ("train-w-0", []),
        ("a" * 63, []),
        ("a" * 64, ["must be no more than 63 characters"]),
        ("", [DNS1035]),
        ("1a", [DNS1035]),
        ("a-", [DNS1035]),
        ("A", [DNS1035]),
        ("a\n", [DNS1035]),
        ("é" * 32, ["must be no more than 63 characters", DNS1035]),
    ],
)
def test_dns1035_labels(value: str, errors: list[str]) -> None:
    assert names.dns1035_label_errors(value) == errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("1a", []),
        ("a.b", ["must not contain dots"]),
        ("-", [DNS1123]),
        ("b" * 64, ["must be no more than 63 characters"]),
    ],
)
def test_dns1123_labels(value: str, errors: list[str]) -> None:
    assert names.dns1123_label_errors(value) == errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("example.com", []),
        ("1.2.3", []),
        ("a" * 253, []),
        ("a" * 254, ["must be no more than 253 characters"]),
        ("a..b", [SUBDOMAIN]),
        ("a.b.", [SUBDOMAIN]),
        ("", [SUBDOMAIN]),
        ("A" * 254, ["must be no more than 253 characters", SUBDOMAIN]),
    ],
)
def test_dns1123_subdomains(value: str, errors: list[str]) -> None:
    assert names.dns1123_subdomain_errors(value) == errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("", []),
        ("A_b.c-1", []),
        ("a" * 64, ["must be no more than 63 bytes"]),
        ("-a", [LABEL_VALUE]),
        ("a b", [LABEL_VALUE]),
        ("a." + "b" * 70 + "-", ["must be no more than 63 bytes", LABEL_VALUE]),
    ],
)
def test_label_values(value: str, errors: list[str]) -> None:
    """C-VAL-19: this check says bytes where the older ones say characters."""
    assert names.label_value_errors(value) == errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("app", []),
        ("example.com/App_1", []),
        ("", ["name part must be non-empty", f"name part {LABEL_KEY}"]),
        ("/a", ["prefix part must be non-empty"]),
        ("Example/a", [f"prefix part {SUBDOMAIN}"]),
        ("a" * 254 + "/b", ["prefix part must be no more than 253 bytes"]),
        ("x/" + "a" * 64, ["name part must be no more than 63 bytes"]),
        ("x/-a", [f"name part {LABEL_KEY}"]),
        (
            "a/b/c",
            [
                f"a valid label key {LABEL_KEY} "
                "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            ],
        ),
    ],
)
def test_qualified_names(value: str, errors: list[str]) -> None:
    assert names.qualified_name_errors(value) == errors


@pytest.mark.parametrize(
    ("value", "errors"),
    [
        ("example.com/controller", []),
        ("a/b/c", []),
        ("", ["f: Required value"]),
        ("x", ['f: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")']),
        ("/x", ['f: Invalid value: "/x": must be a domain-prefixed path (such as "acme.io/foo")']),
        ("a/", ['f: Invalid value: "a/": must be a domain-prefixed path (such as "acme.io/foo")']),
        ("A/x", [f'f: Invalid value: "A": {SUBDOMAIN}']),
        (
            "a/é",
            [
                'f: Invalid value: "é": Invalid path '
                "(regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"
            ],
        ),
    ],
)
def test_domain_prefixed_paths(value: str, errors: list[str]) -> None:
    """C-VAL-07."""
    assert [error.text for error in names.domain_prefixed_path_errors("f", value)] == errors


@pytest.mark.parametrize(
    ("prefix", "name"),
    [("train-", "train-abcde"), ("x" * 58, "x" * 58 + "abcde"), ("x" * 80, "x" * 58 + "abcde")],
)
def test_generated_names_keep_58_characters(prefix: str, name: str) -> None:
    """C-VAL-02."""
    assert names.generated_name(prefix, "abcde") == name


@pytest.mark.parametrize(
    "value", ["a" * 10**6, "a-" * 500_000, "é" * 10**6, "a." * 500_000, "\ud800", "\x00"]
)
def test_hostile_values_are_refused(value: str) -> None:
    assert names.dns1035_label_errors(value)
    assert names.dns1123_subdomain_errors(value)
    assert names.label_value_errors(value)
    assert names.qualified_name_errors(value)
