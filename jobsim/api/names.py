"""What names, labels and paths may look like: predicates that return the API server's complaints.

Each ``*_errors`` function returns the texts of what is wrong, in order; none means valid.  Lengths
are bytes of UTF-8.  Source: apimachinery pkg/util/validation/validation.go, pkg/api/validate/content
0.36; apiserver pkg/storage/names/generate.go.
"""

from __future__ import annotations

import re

from jobsim.api.field import FieldError, invalid, required

LABEL_LENGTH_MAX = 63
SUBDOMAIN_LENGTH_MAX = 253
#: What a generated name keeps of its prefix: 63 less a suffix of 5.
GENERATE_PREFIX_LENGTH_MAX = 58
#: The text for a DNS label that is too long; JobSet's webhook replaces it by words of its own.
LABEL_TOO_LONG = f"must be no more than {LABEL_LENGTH_MAX} characters"

_DNS1123_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS1123_SUBDOMAIN = rf"{_DNS1123_LABEL}(\.{_DNS1123_LABEL})*"
_DNS1035_LABEL = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL_KEY = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = rf"({_LABEL_KEY})?"
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_COMPILED = {
    pattern: re.compile(pattern, re.ASCII)
    for pattern in (
        _DNS1123_LABEL,
        _DNS1123_SUBDOMAIN,
        _DNS1035_LABEL,
        _LABEL_KEY,
        _LABEL_VALUE,
        _HTTP_PATH,
    )
}


def generated_name(prefix: str, suffix: str) -> str:
    """Return the name that the API server makes of metadata.generateName and a random suffix."""
    kept = prefix.encode("utf-8", "surrogatepass")[:GENERATE_PREFIX_LENGTH_MAX]
    return kept.decode("utf-8", "ignore") + suffix


def byte_length(text: str) -> int:
    """Return a text's length as Go counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def dns1123_label_errors(value: str) -> list[str]:
    """Return what keeps a value from being a DNS label (RFC 1123)."""
    errors = _length_errors(value, LABEL_LENGTH_MAX)
    if _matches(_DNS1123_LABEL, value):
        return errors
    if _matches(_DNS1123_SUBDOMAIN, value):
        return [*errors, "must not contain dots"]
    what = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    what += "and must start and end with an alphanumeric character"
    return [*errors, _form(what, _DNS1123_LABEL, "my-name", "123-abc")]


def dns1123_subdomain_errors(value: str) -> list[str]:
    """Return what keeps a value from being a DNS subdomain (RFC 1123)."""
    errors = _length_errors(value, SUBDOMAIN_LENGTH_MAX)
    return errors if _matches(_DNS1123_SUBDOMAIN, value) else [*errors, _subdomain_form()]


def _subdomain_form() -> str:
    what = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
    what += "'-' or '.', and must start and end with an alphanumeric character"
    return _form(what, _DNS1123_SUBDOMAIN, "example.com")


def dns1035_label_errors(value: str) -> list[str]:
    """Return what keeps a value from being a DNS label (RFC 1035: a letter first)."""
    errors = _length_errors(value, LABEL_LENGTH_MAX)
    if _matches(_DNS1035_LABEL, value):
        return errors
    what = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    what += "start with an alphabetic character, and end with an alphanumeric character"
    return [*errors, _form(what, _DNS1035_LABEL, "my-name", "abc-123")]


def label_value_errors(value: str) -> list[str]:
    """Return what keeps a value from being a label value."""
    errors = _byte_length_errors(value, LABEL_LENGTH_MAX)
    if _matches(_LABEL_VALUE, value):
        return errors
    what = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    what += "and must start and end with an alphanumeric character"
    return [*errors, _form(what, _LABEL_VALUE, "MyValue", "my_value", "12345")]


def qualified_name_errors(value: str) -> list[str]:
    """Return what keeps a value from being a qualified name (label key): ``[prefix/]name``."""
    parts = value.split("/")
    if len(parts) > 2:
        tail = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {_label_key_form()}{tail}"]
    errors = _prefix_errors(parts[0]) if len(parts) == 2 else []
    name = parts[-1]
    if not name:
        errors.append("name part must be non-empty")
    errors += [f"name part {text}" for text in _byte_length_errors(name, LABEL_LENGTH_MAX)]
    if not _matches(_LABEL_KEY, name):
        errors.append(f"name part {_label_key_form()}")
    return errors


def _label_key_form() -> str:
    what = "must consist of alphanumeric characters, '-', '_' or '.', "
    what += "and must start and end with an alphanumeric character"
    return _form(what, _LABEL_KEY, "MyName", "my.name", "123-abc")


def _prefix_errors(prefix: str) -> list[str]:
    """Return what is wrong with the part of a qualified name before the slash."""
    if not prefix:
        return ["prefix part must be non-empty"]
    errors = _byte_length_errors(prefix, SUBDOMAIN_LENGTH_MAX)
    if not _matches(_DNS1123_SUBDOMAIN, prefix):
        errors.append(_subdomain_form())
    return [f"prefix part {text}" for text in errors]


def domain_prefixed_path_errors(path: str, value: str) -> list[FieldError]:
    """Return what keeps a value from being ``<subdomain>/<path>``; ``path`` is the field's."""
    if not value:
        return [required(path)]
    host, slash, rest = value.partition("/")
    if not (host and slash and rest):
        return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    errors = [invalid(path, host, text) for text in dns1123_subdomain_errors(host)]
    if not _matches(_HTTP_PATH, rest):
        errors.append(invalid(path, rest, _form("Invalid path", _HTTP_PATH)))
    return errors


def _matches(pattern: str, value: str) -> bool:
    return _COMPILED[pattern].fullmatch(value) is not None


def _length_errors(value: str, limit: int) -> list[str]:
    """Return the complaint of the older checks, which say characters and count bytes."""
    return [f"must be no more than {limit} characters"] if byte_length(value) > limit else []


def _byte_length_errors(value: str, limit: int) -> list[str]:
    """Return the complaint of the newer checks."""
    return [f"must be no more than {limit} bytes"] if byte_length(value) > limit else []


def _form(what: str, pattern: str, *examples: str) -> str:
    """Return the sentence about a pattern that was not met."""
    if not examples:
        return f"{what} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{what} (e.g. {shown}regex used for validation is '{pattern}')"
