"""``jobsim get`` and ``jobsim describe``: kubectl's words and habits, at any virtual time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click

from jobsim.api.codec import to_dict
from jobsim.api.field_selectors import FieldSelector, check_fields, parse_fields
from jobsim.api.kinds import namespaced, resource_of
from jobsim.api.meta import Object
from jobsim.api.selectors import Selector, SelectorError, parse_labels
from jobsim.cli.options import NO_RUN, at_time, catalogue_files, namespace, read_time, run_folder
from jobsim.errors import ApiError, InputError
from jobsim.moment import ALL, Moment
from jobsim.results import printers
from jobsim.scenario.write_yaml import to_yaml
from jobsim.simulate import open_run

CATALOGUE = ("shapes", "fabrics", "components")


class Target(NamedTuple):
    """One kind that was asked for, and one name or all."""

    kind: str
    name: str = ""


class Question(NamedTuple):
    """What objects are meant, besides kinds and names."""

    namespace: str | None
    labels: Selector
    fields: FieldSelector


def selecting(command: Any) -> Any:
    """Add the options that choose objects."""
    everywhere = click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="All namespaces.")
    labels = click.option("-l", "--selector", "labels", default="", metavar="SELECTOR", help="By labels.")
    return run_folder(at_time(namespace(everywhere(labels(command)))))


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="KIND [NAME]...")
@click.option("--run", "folder", metavar="DIR", envvar="JOBSIM_RUN", help="The run: a folder [$JOBSIM_RUN].")
@at_time
@namespace
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="All namespaces.")
@click.option(
    "-l", "--selector", "labels", default="", metavar="SELECTOR", help="By labels: a=b,c!=d,e in (f)."
)
@click.option("--field-selector", "fields", default="", metavar="SELECTOR", help="status.phase=Running, ...")
@click.option("-o", "--output", type=click.Choice(["wide", "yaml", "json", "name"]), help="Another form.")
@catalogue_files
@click.pass_context
def get(
    ctx: click.Context,
    words: Sequence[str],
    folder: str | None,
    at: str | None,
    namespace: str,
    everywhere: bool,
    labels: str,
    fields: str,
    output: str | None,
    catalogues: Sequence[str],
) -> None:
    """List objects of a run, at any virtual time, as kubectl does.

    KIND is a kind or its short name, several with commas, or all; also KIND/NAME.  `jobsim get shapes`,
    `fabrics` and `components` list the hardware catalogue and need no run.
    """
    if words[0] in CATALOGUE:
        from jobsim.cli.catalogue import show

        click.echo(show(words[0], words[1:], output, catalogues), nl=False)
        return
    if folder is None:
        raise click.UsageError(NO_RUN, ctx)
    moment = _moment(folder, at)
    question = _question(namespace, everywhere, labels, fields)
    targets = _targets(words, moment)
    objects, missing = _find(moment, targets, question)
    single = len(targets) == 1 and bool(targets[0].name)
    if objects or (output in ("yaml", "json") and not missing):
        many_kinds = len({target.kind for target in targets}) > 1
        click.echo(_shown(objects, moment, output, everywhere, many_kinds, single), nl=False)
    elif not missing:
        anywhere = everywhere or not any(namespaced(target.kind) for target in targets)
        where = "" if anywhere else f" in {namespace} namespace."
        click.echo(f"No resources found{where}", err=True)
    _say_missing(ctx, missing)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="KIND [NAME]...")
@selecting
@click.pass_context
def describe(
    ctx: click.Context,
    words: Sequence[str],
    folder: str,
    at: str | None,
    namespace: str,
    everywhere: bool,
    labels: str,
) -> None:
    """Show all about objects of a run, at any virtual time, as kubectl does.

    A NAME that no object has stands for all whose names begin with it.
    """
    moment = _moment(folder, at)
    question = _question(namespace, everywhere, labels, "")
    targets = _targets(words, moment)
    objects, missing = _find(moment, targets, question, prefixes=True)
    if objects:
        click.echo("\n\n".join(moment.describe(obj) for obj in objects), nl=False)
    elif not missing:
        click.echo(f"No resources found{'' if everywhere else f' in {namespace} namespace.'}", err=True)
    _say_missing(ctx, missing)


def _moment(folder: str, at: str | None) -> Moment:
    run = open_run(folder)
    try:
        return run.at(None if at is None else read_time(at))
    except InputError as err:
        raise InputError(err.text, path="--at") from None


def _question(namespace: str, everywhere: bool, labels: str, fields: str) -> Question:
    try:
        selector = parse_labels(labels)
    except SelectorError as err:
        raise InputError(str(err), path="--selector") from None
    try:
        field_selector = parse_fields(fields)
    except SelectorError as err:
        raise InputError(str(err), path="--field-selector") from None
    return Question(None if everywhere else namespace, selector, field_selector)


def _targets(words: Sequence[str], moment: Moment) -> list[Target]:
    """Return what ``pods a b``, ``pods,jobs``, ``pod/a job/b`` or ``all`` mean."""
    if any("/" in word for word in words):
        pairs = []
        for word in words:
            kind, slash, name = word.partition("/")
            if not (slash and kind and name):
                text = "there is no need to mix KIND NAME and KIND/NAME (KIND/NAME KIND/NAME ...)"
                raise InputError(text, path=word)
            pairs.append(Target(_kind(kind, moment), name))
        return pairs
    kinds: list[str] = []
    for word in words[0].split(","):
        kinds += ALL if word == "all" else [_kind(word, moment)]
    names = words[1:]
    if not names:
        return [Target(kind) for kind in kinds]
    return [Target(kind, name) for kind in kinds for name in names]


def _kind(word: str, moment: Moment) -> str:
    kind = moment.kind(word)
    if not kind:
        raise InputError(f'the server doesn\'t have a resource type "{word}"')
    return kind


def _find(
    moment: Moment, targets: Sequence[Target], question: Question, *, prefixes: bool = False
) -> tuple[list[Object], list[ApiError]]:
    """Return the objects that are meant, and what the API server says of names that it does not have."""
    if question.namespace is None and any(target.name for target in targets):
        raise InputError("a resource cannot be retrieved by name across all namespaces (-n NS)")
    found: list[Object] = []
    missing = []
    for target in targets:
        try:
            check_fields(question.fields, target.kind)
        except SelectorError as err:
            raise InputError(str(err), path="--field-selector") from None
        objects = list(_matching(moment, target.kind, question))
        if target.name:
            exact = [obj for obj in objects if obj.name == target.name]
            objects = exact or [obj for obj in objects if prefixes and obj.name.startswith(target.name)]
            if not objects:
                missing.append(ApiError("NotFound", f'{resource_of(target.kind)} "{target.name}" not found'))
        found += objects
    return found, missing


def _matching(moment: Moment, kind: str, question: Question) -> Iterator[Object]:
    for obj in moment.objects(kind, question.namespace if namespaced(kind) else None):
        if question.labels.matches(obj.metadata.labels) and question.fields.matches(obj):
            yield obj


def _shown(
    objects: Sequence[Object],
    moment: Moment,
    output: str | None,
    everywhere: bool,
    many_kinds: bool,
    single: bool,
) -> str:
    if output in ("json", "yaml"):
        documents = [to_dict(obj) for obj in objects]
        data: Any = documents[0] if single and documents else _list_of(documents)
        return to_yaml(data) if output == "yaml" else json.dumps(data, indent=4, sort_keys=True) + "\n"
    if output == "name":
        return printers.names(objects)
    return printers.get(
        objects,
        moment.now,
        wide=output == "wide",
        with_namespace=everywhere,
        with_kind=many_kinds,
    )


def _list_of(documents: Sequence[Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "items": documents, "kind": "List", "metadata": {"resourceVersion": ""}}


def _say_missing(ctx: click.Context, missing: Sequence[ApiError]) -> None:
    for error in missing:
        click.echo(f"Error from server ({error.reason}): {error.message}", err=True)
    if missing:
        ctx.exit(1)
