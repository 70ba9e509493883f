"""The cells of a study by name: models × samplings × conditions, swept, listed or excluded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

from pydantic import ValidationError

from splitplot.config_file import Where, canonical_numbers
from splitplot.errors import near_miss
from splitplot.study.model import Study
from splitplot.study.sections import Sampling, SweepRange

Complain = Callable[[Where, str], None]


@dataclass(frozen=True)
class NamedCell:
    """One cell, by the names in the study."""

    model: str
    sampling: str
    condition: str
    replications: int
    route: str


def sweep_values(values: SweepRange | list[Any]) -> list[Any]:
    """The values of one swept setting; ranges are computed in decimals, so 0.1 steps stay exact."""
    if isinstance(values, list):
        return [canonical_numbers(value) for value in values]
    first, last, step = (Decimal(str(x)) for x in (values.start, values.to, values.step))
    count = int((last - first) / step) + 1
    return [canonical_numbers(float(first + step * i)) for i in range(count)]


def expand_samplings(study: Study, complain: Complain) -> dict[str, tuple[Sampling, str]]:
    """Name → (sampling, name before the sweep), in the order of the study, then of the sweep."""
    samplings: dict[str, tuple[Sampling, str]] = {}
    # The order of keys in YAML means nothing, so a sweep over two settings is ordered by name.
    swept = {name: sweep_values(study.sweep[name]) for name in sorted(study.sweep)}
    for index, base in enumerate(study.sampling):
        if any(base.name == other.name for other in study.sampling[:index]):
            complain(("sampling", index), f'a second sampling named "{base.name}"; give it a name')
            continue
        for combination in product(*swept.values()):
            values = dict(zip(swept, combination, strict=True))
            suffix = "".join(f"-{name}={value}" for name, value in values.items())
            try:
                sampling = Sampling.model_validate(
                    base.model_dump(exclude_unset=True) | values | {"name": base.name + suffix}
                )
            except ValidationError as error:
                for detail in error.errors(include_url=False):
                    complain(("sweep", *detail["loc"]), f"{detail['input']!r}: {detail['msg']}")
                continue
            if sampling.name in samplings:
                complain(("sweep",), f'"{sampling.name}" comes up twice; remove the repeated value')
            samplings[sampling.name] = (sampling, base.name)
    return samplings


def expand_cells(
    study: Study,
    samplings: dict[str, tuple[Sampling, str]],
    expand_model: Callable[[str], list[str]],
    complain: Complain,
) -> list[NamedCell]:
    """The cells of the study after `trials`, `exclude` and `sweep`, each once, in study order.

    expand_model: name of a model or group → names of models; empty where it is unknown, which is
    complained about elsewhere.
    """
    cells: dict[tuple[str, str, str], NamedCell] = {}
    listed = _listed(study, samplings, expand_model, complain)
    for where, cell in listed if study.trials else _crossed(study, samplings, expand_model):
        key = (cell.model, cell.sampling, cell.condition)
        if key in cells and study.trials:
            complain(where, f"{' × '.join(key)} is listed before; each cell can be listed once")
        cells.setdefault(key, cell)
    routes: dict[tuple[str, str], str] = {}
    for cell in cells.values():
        if routes.setdefault((cell.model, cell.sampling), cell.route) != cell.route:
            complain(("trials",), f"{cell.model} × {cell.sampling} has two different routes")
    kept = _excluded(study, list(cells.values()), samplings, expand_model, complain)
    if cells and not kept:
        complain(("exclude",), "leaves no cell to ask")
    return kept


def _crossed(
    study: Study,
    samplings: Iterable[str],
    expand_model: Callable[[str], list[str]],
) -> Iterator[tuple[Where, NamedCell]]:
    route = study.execution.route
    for index, name in enumerate(study.models):
        for model in expand_model(name):
            for sampling, condition in product(samplings, study.conditions):
                cell = NamedCell(model, sampling, condition, study.replications, route)
                yield ("models", index), cell


def _listed(
    study: Study,
    samplings: dict[str, tuple[Sampling, str]],
    expand_model: Callable[[str], list[str]],
    complain: Complain,
) -> Iterator[tuple[Where, NamedCell]]:
    for index, entry in enumerate(study.trials):
        where: Where = ("trials", index)
        chosen = _samplings(entry.sampling, samplings, (*where, "sampling"), complain)
        conditions = list(study.conditions)
        for position, name in enumerate(entry.conditions or []):
            _known("condition", name, conditions, (*where, "conditions", position), complain)
        wanted = [name for name in entry.conditions or conditions if name in conditions]
        for model, sampling, condition in product(expand_model(entry.model), chosen, wanted):
            replications = entry.replications or study.replications
            route = entry.route or study.execution.route
            yield where, NamedCell(model, sampling, condition, replications, route)


def _samplings(
    name: str | None, samplings: dict[str, tuple[Sampling, str]], where: Where, complain: Complain
) -> list[str]:
    """The samplings of that name, or those swept from it; all for None."""
    found = [full for full, (_, base) in samplings.items() if name in (None, full, base)]
    if not found and name is not None:
        _known("sampling", name, list(samplings), where, complain)
    return found


def _known(word: str, name: str, known: list[str], where: Where, complain: Complain) -> None:
    if name not in known:
        complain(where, f'unknown {word} "{name}"{near_miss(name, known)}')


def _excluded(
    study: Study,
    cells: list[NamedCell],
    samplings: dict[str, tuple[Sampling, str]],
    expand_model: Callable[[str], list[str]],
    complain: Complain,
) -> list[NamedCell]:
    gone: set[NamedCell] = set()
    for index, entry in enumerate(study.exclude):
        where: Where = ("exclude", index)
        chosen = _samplings(entry.sampling, samplings, (*where, "sampling"), complain)
        if entry.condition is not None:
            known = list(study.conditions)
            _known("condition", entry.condition, known, (*where, "condition"), complain)
        models = None if entry.model is None else expand_model(entry.model)
        matched = {
            cell
            for cell in cells
            if (models is None or cell.model in models)
            and cell.sampling in chosen
            and entry.condition in (None, cell.condition)
        }
        understood = chosen and models != [] and entry.condition in (None, *study.conditions)
        if understood and not matched:
            complain(where, "matches no cell of the study; remove it or correct it")
        gone |= matched
    return [cell for cell in cells if cell not in gone]
