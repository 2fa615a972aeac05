"""The texts of field errors."""

from __future__ import annotations

import pytest

from jobsim.api import field
from jobsim.api.field import FieldError
from jobsim.api.jobset import DependsOn


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (field.invalid("spec.a", "x", "is bad"), 'spec.a: Invalid value: "x": is bad'),
        (field.invalid("spec.a", 3, "is bad"), "spec.a: Invalid value: 3: is bad"),
        (field.invalid("spec.a", None, "is bad"), "spec.a: Invalid value: null: is bad"),
        (field.invalid("spec.a", True, "is bad"), "spec.a: Invalid value: true: is bad"),
        (field.required("spec.a"), "spec.a: Required value"),
        (field.required("spec.a", "why"), "spec.a: Required value: why"),
        (field.forbidden("spec.a", "why"), "spec.a: Forbidden: why"),
        (field.duplicate("spec.a", "x"), 'spec.a: Duplicate value: "x"'),
        (
            field.not_supported("spec.a", "x", ["All", "Any"]),
            'spec.a: Unsupported value: "x": supported values: "All", "Any"',
        ),
        (field.too_long("spec.a", 63), "spec.a: Too long: may not be more than 63 bytes"),
        (field.too_long("spec.a", 1), "spec.a: Too long: may not be more than 1 byte"),
        (field.internal("broken"), "<nil>: Internal error: broken"),
    ],
)
def test_texts(error: FieldError, text: str) -> None:
    """C-WHK-04."""
    assert error.text == error.short_text == text


def test_a_list_as_bad_value_is_json_and_can_be_cut() -> None:
    """C-UPD-01 (erratum)."""
    error = field.invalid("spec.a", (DependsOn(name="b", status="Ready"),), "is bad")
    assert error.text == 'spec.a: Invalid value: [{"name":"b","status":"Ready"}]: is bad'
    assert error.short_text == "spec.a: Invalid value: …: is bad"
