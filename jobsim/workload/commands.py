"""What plain container commands say about how long a container runs and how it exits.

Manifests for tests and examples are full of ``sleep 100`` and ``sh -c "echo hi && sleep 10; exit 1"``.
Such commands are read; everything else is *opaque* and the pod rules' default holds.

Rules
-----
- argv is command + args; without a command the args count only if they begin with a known word
  (the image's own entry point is unknown).
- ``sh -c SCRIPT`` (bash, dash, ash, zsh, busybox sh; any flags): the script is a list of simple commands
  joined by newline, ``;``, ``&&`` or ``||``, with redirections.
- ``sleep`` takes its time (several arguments add up, suffixes s m h d, ``infinity``), ``exit N`` ends,
  ``true``, ``:`` and ``false`` do what they say; ``echo``, ``cat``, ``mkdir`` and their like take no time
  and succeed.
- Control structures, background jobs, substitutions, here-documents, unknown programs: opaque, the
  whole container, also when a plain ``sleep`` stands beside them.
"""

from __future__ import annotations

import re

from jobsim.api._struct import Struct
from jobsim.laws import LONGEST_NS
from jobsim.units import seconds


class Program(Struct):
    """What a command says: how long it runs (``None``: for ever) and its exit code."""

    run: int | None
    exit_code: int = 0


_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_INSTANT = frozenset(
    (
        *("echo", "printf", "cat", "ls", "mkdir", "touch", "cp", "mv", "rm", "ln", "chmod", "chown", "date"),
        *("hostname", "whoami", "id", "pwd", "cd", "export", "set", "unset", "true", ":", "umask", "ulimit"),
        *("nproc", "uname", "trap", "wait", "sync", "df", "free", "nvidia-smi"),
    )
)
_KNOWN = _INSTANT | _SHELLS | {"sleep", "exit", "false", "busybox", "exec"}
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\\\n)
      | (?P<comment>\#[^\n]*)
      | (?P<redirect>[0-9]*>&[0-9-]|&>>?|[0-9]*>>?|[0-9]*<(?!<))
      | (?P<operator>&&|\|\||;(?!;)|\n)
      | (?P<word>(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|\$\([^()]*\)|[^\s;&|<>()'"\\`])+)
    """,
    re.VERBOSE | re.DOTALL,
)
_PIECE = re.compile(r"""'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)|([^'"\\]+)""", re.DOTALL)
_SUBSTITUTION = re.compile(r"\$\(\s*([a-z-]+)[^()]*\)")
_SLEEP = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([smhd]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*", re.DOTALL)
#: Longer scripts are programs; nothing plain is written in so many characters.
_SCRIPT_CHARS_MAX = 20_000


def read_command(command: tuple[str, ...], args: tuple[str, ...]) -> Program | None:
    """Return what a container's command says, or None when it is opaque.

    Parameters
    ----------
    command, args : tuple of str
        As in the manifest.

    Examples
    --------
    >>> read_command(("sh", "-c"), ("echo hello && sleep 10 && exit 1",))
    Program(run=10000000000, exit_code=1)
    >>> read_command(("python", "train.py"), ()) is None
    True
    """
    argv = command + args
    if not argv or (not command and _base(argv[0]) not in _KNOWN):
        return None
    return _Shell().program(list(argv))


def _base(word: str) -> str:
    return word.rpartition("/")[2]


class _Opaque(Exception):
    """The command is more than this reader understands."""


class _Exit(Exception):
    """The command ends the shell: by ``exit``, by an error under ``set -e``, or never."""


class _Shell:
    """One reading of one command: time so far and the last exit status."""

    def __init__(self) -> None:
        self.elapsed: int | None = 0
        self.status = 0
        self.errexit = False

    def program(self, argv: list[str]) -> Program | None:
        try:
            self.run(argv)
        except _Opaque:
            return None
        except _Exit:
            pass
        return Program(run=self.elapsed, exit_code=self.status if self.elapsed is not None else 0)

    def run(self, argv: list[str]) -> None:
        """Run one simple command; set the status."""
        replaces_shell = argv[0] == "exec"
        while len(argv) > 1 and _base(argv[0]) in ("exec", "busybox"):
            argv = argv[1:]
        self.simple(argv)
        if replaces_shell:
            raise _Exit

    def simple(self, argv: list[str]) -> None:
        """Run one command that is neither ``exec`` nor ``busybox``."""
        word = _base(argv[0])
        if word in _SHELLS:
            self.shell(argv[1:])
        elif word == "sleep":
            self.sleep(argv[1:])
        elif word == "exit":
            self.status = self._number(argv[1]) if len(argv) > 1 else self.status
            raise _Exit
        elif word == "false":
            self.status = 1
        elif word in _INSTANT:
            self.errexit = self.errexit or (word == "set" and any(_has_flag(a, "e") for a in argv[1:]))
            self.status = 0
        else:
            raise _Opaque

    def shell(self, argv: list[str]) -> None:
        """Run ``sh [flags] -c SCRIPT``; its exit ends it alone."""
        outer, self.errexit = self.errexit, False
        takes_script = False
        while argv and argv[0].startswith("-"):
            takes_script = takes_script or _has_flag(argv[0], "c")
            self.errexit = self.errexit or _has_flag(argv[0], "e")
            if argv[0] in ("-o", "--rcfile", "--init-file"):
                argv = argv[1:]
            argv = argv[1:]
        if not takes_script or not argv:
            raise _Opaque
        try:
            self.script(argv[0])
        except _Exit:
            if self.elapsed is None:
                raise
        self.errexit = outer

    def script(self, text: str) -> None:
        """Run the simple commands of a script, minding ``&&``, ``||`` and ``set -e``."""
        joined = ";"
        for words, next_operator in _simple_commands(text):
            skipped = (joined == "&&" and self.status != 0) or (joined == "||" and self.status == 0)
            if words and not skipped:
                self.run(words)
            joined = next_operator
            # Under set -e only the last command of an && or || list ends the shell.
            if self.errexit and self.status != 0 and words and not skipped and joined not in ("&&", "||"):
                raise _Exit

    def sleep(self, durations: list[str]) -> None:
        if not durations:
            raise _Opaque
        for text in durations:
            assert self.elapsed is not None, "a shell that sleeps for ever runs nothing more"
            if text in ("infinity", "inf"):
                self.elapsed = None
                raise _Exit
            match = _SLEEP.fullmatch(text)
            if match is None or len(text) > 15:
                raise _Opaque
            self.elapsed += seconds(float(match.group(1))) * _UNIT_S[match.group(2)]
            if self.elapsed > LONGEST_NS:
                self.elapsed = None
                raise _Exit
        self.status = 0

    @staticmethod
    def _number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 9:
            raise _Opaque
        return int(text) % 256


def _has_flag(word: str, flag: str) -> bool:
    return word.startswith("-") and not word.startswith("--") and flag in word[1:]


def _simple_commands(text: str) -> list[tuple[list[str], str]]:
    """Split a script into simple commands, each with the operator after it."""
    if len(text) > _SCRIPT_CHARS_MAX:
        raise _Opaque
    commands: list[tuple[list[str], str]] = []
    words: list[str] = []
    pos, operand_due = 0, False
    while pos < len(text):
        match = _TOKEN.match(text, pos)
        if match is None:
            raise _Opaque
        pos = match.end()
        token = match.group()
        if match.lastgroup == "redirect":
            operand_due = ">&" not in token
        elif match.lastgroup == "operator":
            operator = ";" if token == "\n" else token
            if not words and operator == ";" and commands and commands[-1][1] in ("&&", "||"):
                continue  # a newline may follow && and ||
            commands.append((words, operator))
            words = []
        elif match.lastgroup == "word":
            if operand_due:
                operand_due = False
            elif words or not _ASSIGNMENT.fullmatch(token):
                words.append(_unquote(token, first=not words))
            elif "$(" in token or "`" in token:
                raise _Opaque
    return [*commands, (words, ";")]


def _unquote(token: str, *, first: bool) -> str:
    """Return a word without its quotes; a substituted command must be one that takes no time."""
    if first and ("$" in token or "[" in token or "{" in token):
        raise _Opaque
    if not token.startswith("'") and ("`" in token or "$(" in token):
        inner = _SUBSTITUTION.findall(token)
        if "`" in token or len(inner) != token.count("$(") or any(word not in _INSTANT for word in inner):
            raise _Opaque
    return "".join(next((g for g in m.groups() if g is not None), "") for m in _PIECE.finditer(token))
