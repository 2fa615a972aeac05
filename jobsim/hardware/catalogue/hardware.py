"""What a Scenario may name: the catalogue's shapes and fabrics, and those of users' files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jobsim.errors import InputError, InputErrors
from jobsim.hardware.catalogue.fabric import Fabric, fabrics
from jobsim.hardware.catalogue.names import unknown
from jobsim.hardware.catalogue.shape import Shape, shapes


class Hardware(NamedTuple):
    """Shapes and fabrics by name; ``theirs``: the fabrics that users' files brought or replaced."""

    shapes: Mapping[str, Shape]
    fabrics: Mapping[str, Fabric]
    theirs: Mapping[str, Fabric] = {}


def hardware(files: Sequence[str] = ()) -> Hardware:
    """Return the catalogue's own and those of users' files, later ones in the place of earlier ones.

    Raises
    ------
    InputErrors
        With all that is wrong in the files: a shape on a fabric that nobody knows too.
    """
    if not files:
        return Hardware(shapes(), fabrics())
    wrong: list[InputError] = []
    for read in (shapes, fabrics):
        try:
            read(files)
        except InputErrors as err:
            wrong += err.errors
        except InputError as err:
            wrong.append(err)
    if wrong:
        # What is no catalogue at all is neither's.
        raise InputErrors(list({str(error): error for error in wrong}.values()))
    own, found = fabrics(), fabrics(files)
    theirs = {name: one for name, one in found.items() if own.get(name) != one}
    made = Hardware(shapes(files), found, theirs)
    for one in made.shapes.values():
        if one.fabric and one.fabric not in made.fabrics:
            text = str(unknown("fabric", one.fabric, made.fabrics))
            wrong.append(InputError(text, file=files[-1], path=f"shapes.{one.name}.fabric"))
    if wrong:
        raise InputErrors(wrong)
    return made
