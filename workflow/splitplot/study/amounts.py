"""Whether a contrast of tokens, dollars or seconds can have a verdict, before anything is asked."""

from typing import get_args

from splitplot.amounts import AMOUNTS, LARGEST_MARGIN, LATENCY, PER_CORRECT, SCOPES, USD
from splitplot.config_file import Problems, Where
from splitplot.registry import Model
from splitplot.study.analysis import Primary
from splitplot.study.batches import Batching
from splitplot.study.crossing import NamedCell
from splitplot.study.sections import Factor


def check_amount(
    contrast: Primary,
    cells: list[NamedCell],
    models: dict[tuple[str, str], Model],
    batches: dict[tuple[str, str], Batching],
    where: Where,
    problems: Problems,
) -> None:
    """Whether margin, scope and missing rule are those of a ratio of sums, and both arms will have what
    is compared; what is not is noted in `problems`. where: the contrast."""
    metric = contrast.metric
    if contrast.scope not in SCOPES:
        problems.add(
            (*where, "scope"),
            f'a ratio of {metric} has no interval for scope "{contrast.scope}"; allowed for '
            f"{', '.join(AMOUNTS)}: {', '.join(SCOPES)}",
        )
    if contrast.margin is not None and contrast.margin >= LARGEST_MARGIN:
        problems.add(
            (*where, "margin"),
            f"{contrast.margin:g}: the margin of {metric} is the share that is saved, below 1; write 0.1 "
            "where a saving of a tenth matters",
        )
    if contrast.missing != "strict":
        why = (
            "dollars are divided by right answers, of which an unusable one is none"
            if metric == PER_CORRECT
            else f"an unusable answer took its {metric} too"
        )
        problems.add(
            (*where, "missing"), f'"{contrast.missing}" is for scores: {why}; leave `missing` out'
        )
    arms = [
        [cell for cell in arm if (cell.model, cell.route) in models]
        for arm in _arms(contrast, cells)
    ]
    if metric in (USD, PER_CORRECT):
        _check_prices(metric, arms, models, batches, (*where, "metric"), problems)
    if metric == LATENCY:
        _check_routes(arms, models, batches, (*where, "metric"), problems)


def _arms(contrast: Primary, cells: list[NamedCell]) -> list[list[NamedCell]]:
    """The cells of either arm that have a partner in the other one."""
    factor, *levels = contrast.contrast
    others = [name for name in get_args(Factor) if name != factor]

    def around(cell: NamedCell) -> tuple[str, ...]:
        return tuple(getattr(cell, name) for name in others)

    arms = [[cell for cell in cells if getattr(cell, factor) == level] for level in levels]
    common = set(map(around, arms[0])) & set(map(around, arms[1]))
    return [[cell for cell in arm if around(cell) in common] for arm in arms]


def _check_prices(
    metric: str,
    arms: list[list[NamedCell]],
    models: dict[tuple[str, str], Model],
    batches: dict[tuple[str, str], Batching],
    where: Where,
    problems: Problems,
) -> None:
    free, unknown = _without_price([cell for arm in arms for cell in arm], models, batches)
    if free:
        problems.add(
            where,
            f"{metric}: answers of {', '.join(free)} cost nothing, and there is no ratio to 0 dollars; "
            "use tokens_out or latency_s",
        )
    if unknown:
        problems.add(
            where,
            f"{metric}: no price is known for {', '.join(unknown)}; set `price` in config/models.yaml, "
            "or use tokens_out",
        )


def _check_routes(
    arms: list[list[NamedCell]],
    models: dict[tuple[str, str], Model],
    batches: dict[tuple[str, str], Batching],
    where: Where,
    problems: Problems,
) -> None:
    queued = dict.fromkeys(
        cell.model for arm in arms for cell in arm if batches[cell.model, cell.sampling].settings
    )
    first, second = (sorted({models[cell.model, cell.route].route for cell in arm}) for arm in arms)
    if queued:
        problems.add(
            where,
            f"latency_s: answers of {', '.join(queued)} may come by batch, whose seconds are those of a "
            "queue; use `execution: {route: realtime}`",
        )
    elif first != second:
        problems.add(
            where,
            "latency_s: seconds of different routes cannot be compared, and the arms go by "
            f"{' and '.join(first)} against {' and '.join(second)}; use tokens_out",
        )


def _without_price(
    asked: list[NamedCell],
    models: dict[tuple[str, str], Model],
    batches: dict[tuple[str, str], Batching],
) -> tuple[list[str], list[str]]:
    """Names of the models whose answers are free, and of those whose price nobody has told."""
    from splitplot.calls.pricing import find_price
    from splitplot.calls.rates import cost
    from splitplot.calls.records import Usage
    from splitplot.calls.session import FREE_ROUTES

    free: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for cell in asked:
        model = models[cell.model, cell.route]
        if model.route in FREE_ROUTES:
            free[cell.model] = None
            continue
        protocol = (batches[cell.model, cell.sampling].settings or {}).get("protocol")
        given = model.endpoint.get("price")
        price = find_price(model.model_id, model.endpoint["model"], given, protocol)
        if price is None:
            unknown[cell.model] = None
        elif cost(price, Usage(input_tokens=1000, output_tokens=1000)) == 0:
            free[cell.model] = None
    return list(free), list(unknown)
