"""Go's regular expressions, by the RE2 library."""

from __future__ import annotations

import pytest

from jobsim.controllers.jobset.message_patterns import Patterns


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^x$", "a\nx\nb", False),
        ("(?m)^x$", "a\nx\nb", True),
        (r"\d+$", "exit 12", True),
        (r"\bfoo\b", "a foo b", True),
        ("(?i)JOB", "my job", True),
        (".", "\n", False),
        ("(?s).", "\n", True),
        ("é.", "éa", True),
        (r"\p{Greek}", "α", True),
        ("[[:alpha:]]+", "x", True),
        ("(?<n>a)(?P<m>b)", "ab", True),
        (r"\z", "a", True),
        ("x{,2}", "x{,2}", True),
        (r"\x{10FFFF}", "\U0010ffff", True),
        ("(a+)+$", "a" * 5000 + "b", False),
        # What other dialects know and Go does not, or what is no pattern at all.
        (r"\Z", "a", False),
        ("(?=a)", "a", False),
        (r"(a)\1", "aa", False),
        ("a**", "a", False),
        ("[a", "[a", False),
        ("(unclosed", "(unclosed", False),
        ("a{1001}", "a" * 2000, False),
        # Any byte: RE2 takes it, Go does not; quoted or escaped it is another thing.
        (r"\C", "a", False),
        (r"a|\C", "a", False),
        (r"\\C", r"\C", True),
        (r"\Q\C\E", r"\C", True),
        (r"\Qx\E\C", "xa", False),
        # A lone surrogate is in no UTF-8 text.
        ("\ud800", "x", False),
        ("x", "\ud800x", True),
    ],
)
def test_dialect(pattern: str, message: str, matches: bool) -> None:
    """C-FAI-06, C-API-30: unanchored, RE2; what does not compile matches nothing."""
    assert Patterns([pattern]).match(message) is matches


def test_one_of_several_suffices() -> None:
    """C-FAI-06."""
    assert Patterns(["(", "nope", "b"]).match("abc")
    assert not Patterns(["(", "nope"]).match("abc")
    assert not Patterns([]).match("abc")


def test_a_bad_pattern_does_not_spoil_the_next() -> None:
    """C-FAI-06: one that does not compile, and one that Go refuses."""
    assert Patterns([r"\C", "(", "x"]).match("x")
    assert not Patterns([r"\C", "("]).match("x")


def test_bad_patterns_are_skipped_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    Patterns(["("]).match("x")
    assert capfd.readouterr() == ("", "")


def test_a_large_program_compiles() -> None:
    """Go has no limit that RE2's default of 8 MB would stand for."""
    assert Patterns([r"(\pL{300}){1,2}"]).match("a" * 300)
