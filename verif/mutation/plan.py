"""Decides which mutants a campaign judges: of every module, of both kinds, from a seed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verif.mutation import netlist, people, source
from verif.mutation.cases import VARIANTS, Case
from verif.mutation.design import Design
from verif.mutation.mutant import Mutant

MINIMUM = 4
"""Mutants of a module, at least, or as many as can be made."""
FEWEST = 3
"""Mutants of a netlist, at least: each needs a run of the unmutated one."""


def shares(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """Divide mutants among modules.

    Parameters
    ----------
    sizes : Mapping
        Lines of each module.
    total : int
        Mutants of all modules.

    Returns
    -------
    dict
        In proportion to size above the same minimum for each: half of an equal share, and at
        least `MINIMUM`.
    """
    minimum = max(MINIMUM, total // (2 * len(sizes)))
    left = max(0, total - minimum * len(sizes))
    whole = sum(sizes.values())
    counts, given, reached = {}, 0, 0
    for name, size in sizes.items():
        reached += size
        upto = left * reached // whole
        counts[name] = minimum + upto - given
        given = upto
    return counts


def draw(module: str, design: Design, cases: Sequence[Case], count: int, seed: int) -> list[Mutant]:
    """Draw the mutants of a module, half of them in the source, half in netlists.

    There is a netlist for each accumulator and pipeline that the module's bench builds, of the
    liveliest build there is, or, for few mutants, of the first of them.

    Parameters
    ----------
    module : str
        Name of the module, without ``ffp8_``.
    design : Design
        The design that it is in.
    cases : Sequence of Case
        Cases of its bench.
    count : int
        How many to draw.
    seed : int
        What the draw depends on.
    """
    label = f"{seed}:{module}"
    drawn = source.draw(source.make_mutants(module, design), count // 2, label)
    variants: dict[tuple[int | None, ...], list[Case]] = {}
    for case in cases:
        variants.setdefault(tuple(map(case.parameters.get, VARIANTS)), []).append(case)
    builds = [max(alike, key=lambda case: case.liveliness) for alike in variants.values()]
    wanted = count - len(drawn)
    number = min(len(builds), max(1, wanted // FEWEST))
    for index, case in enumerate(builds[:number]):
        share = (index + 1) * wanted // number - index * wanted // number
        drawn += netlist.draw(module, design, case.parameters, share, f"{label}:{index}")
    return list({mutant.key: mutant for mutant in drawn}.values())


def draw_people(
    design: Design, values: Mapping[str, people.Values], count: int, seed: int
) -> list[Mutant]:
    """Draw so many mutants of each of the kinds that people make, of all modules together.

    Parameters
    ----------
    design : Design
        The design.
    values : Mapping
        For each module to draw from the values of its parameters that benches build.
    count : int
        How many of each kind.
    seed : int
        What the draw depends on.
    """
    made = [
        mutant
        for name, built in values.items()
        for mutant in people.make_mutants(name, design, built)
    ]
    return people.draw(made, count, f"{seed}:people")


def find(
    identity: tuple[str, str, str],
    parameters: Mapping[str, int] | None,
    design: Design,
    values: people.Values,
) -> bool:
    """Tell whether a mutant of this identity can be made, see `Mutant.identity`."""
    module, text, change = identity
    if parameters is None:
        sites = source.make_mutants(module, design)
        made = [mutant for site in sites for mutant in site]
        made += people.make_mutants(module, design, values)
        return any(mutant.identity == identity for mutant in made)
    mutations = netlist.list_all(module, design, parameters)
    same_pin = (one for one in mutations if change.startswith(f"{one.pin} "))
    return any(one.place(design.sources[module])[1] == text for one in same_pin)
