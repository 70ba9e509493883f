"""Chapter `purchase`: what the next answers should be, for the study's first contrast."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from splitplot.inference.arms import Arms, build_arms, paired_cells
from splitplot.inference.asked import FIRST_SCORER, Asked, asked_of_plan, contrast_seed
from splitplot.inference.chapters import raters
from splitplot.inference.checks import Flag
from splitplot.inference.clusters import TooFewClusters
from splitplot.inference.components.purchase import (
    Option,
    Precision,
    best_option,
    item_price,
    items_left,
    next_study,
    options,
)
from splitplot.inference.data import StudyData
from splitplot.inference.evidence import DATASETS, FIXED, ITEMS, PROMPTS
from splitplot.inference.grid import Grid
from splitplot.inference.intervals import Interval, is_bounded
from splitplot.inference.noise import RunNoise, run_noise, these_items_interval
from splitplot.inference.paired import paired_difference
from splitplot.inference.prompt_table import PROMPT, differences_by_prompt
from splitplot.inference.scopes import MIN_PROMPTS, TwoWay, prompts_interval, two_way
from splitplot.inference.wording import POINTS, SCORE_UNITS, Unit, counted, percent, quoted
from splitplot.looks import ANYTIME, looks_of


def chapter(data: StudyData) -> tuple[dict[str, Any] | None, list[Flag]]:
    """Purchases for the first contrast of scores; None where none has an interval that varies, where
    answers are not what narrows it (datasets like these), and where the study asks until it is settled."""
    asked = _first(data)
    if asked is None:
        return None, []
    if reason := _elsewhere(data, asked):
        return None, [Flag("purchase_refused", asked.name, f"No purchase table: {reason}.")]
    grid = data.grid(None if asked.metric == FIRST_SCORER else asked.metric)
    pairs = paired_cells(grid.cells, asked.factor, asked.a, asked.b, asked.name)
    arms = build_arms(grid, pairs, asked.missing, asked.missing)
    if arms.item.size < 2:
        return None, []
    steady = all(grid.deterministic(cell) for pair in pairs for cell in pair)
    noise = run_noise(arms.run_a, arms.run_b, level=data.level, deterministic=steady)
    try:
        now, scope = _precision(data, grid, asked, pairs, arms, noise)
    except (ValueError, TooFewClusters) as problem:
        return None, [Flag("purchase_refused", asked.name, f"No purchase table: {problem}.")]
    known = data.usd_per_answer()[[cell for pair in pairs for cell in pair]]
    usd = float(known.mean()) if known.size and np.isfinite(known).all() else None
    left = items_left(data.plan)
    found = options(
        now,
        usd,
        these_items=scope == FIXED,
        items_left=left,
        random_prompts=scope == PROMPTS,
    )
    best = best_option(found)
    unit = (POINTS if is_bounded(arms.a) and is_bounded(arms.b) else SCORE_UNITS).fitted(
        now.half_width, *(option.half_width for option in found)
    )
    rows = [asdict(option) for option in found]
    price = None if usd is None else _item_price(now, usd)
    content = {
        "contrast": asked.name,
        "scope": scope,
        "now": {
            "items": now.items,
            "replications": now.replications,
            "prompts": now.prompts,
            "half_width": now.half_width,
            "answers": now.answers,
            "usd": None if usd is None else usd * now.answers,
        },
        "run_share": now.run_share,
        "item_price": price,
        "items_left": left,
        "rows": rows,
        "best": best,
        "sentence": _sentence(asked, now, found, best, unit, scope, left),
        "one_more_rater": raters.purchase_note(data, asked),
        "next_study": None if best is None else next_study(data.plan, rows[best]),
    }
    flags = []
    if scope != FIXED and now.item == 0 and now.run:
        flags.append(
            Flag(
                "only_run_noise",
                asked.name,
                "All uncertainty is run noise: the variance between items beyond it is not detectable.",
            )
        )
    return content, flags


def _elsewhere(data: StudyData, asked: Asked) -> str | None:
    """Why more answers are not this chapter's to advise on, as a clause."""
    if asked.scope == DATASETS:
        return "for datasets like these more datasets are what narrows the interval"
    if looks_of(data.plan):
        return f"with stopping {quoted(ANYTIME)} the study asks until it is settled"
    if data.waves[1:]:
        return (
            "its answers are of several waves, and what one more replication of a wave would tell cannot be "
            "read from answers of different times"
        )
    return None


def _item_price(now: Precision, usd: float) -> float | None:
    """With random prompts, what an item adds to each prompt falls with more items too."""
    run = None if now.run is None else now.run / now.prompts
    return item_price(
        now.item + now.item_prompt / now.prompts, run, now.replications, usd * now.cells
    )


def _first(data: StudyData) -> Asked | None:
    primaries = (data.plan.get("analysis") or {}).get("primary") or []
    for asked in asked_of_plan(primaries, data.cells):
        if asked.metric == FIRST_SCORER or asked.metric in data.scorers:
            return asked
    return None


def _precision(
    data: StudyData,
    grid: Grid,
    asked: Asked,
    pairs: Sequence[tuple[int, int]],
    arms: Arms,
    noise: RunNoise,
) -> tuple[Precision, str]:
    """What the variance of the contrast is made of, and the scope that it is of: that of the contrast
    where it can be, else items. Raises ValueError where there is no variance to project."""
    n = arms.item.size
    replications = max(grid.replications(cell) for pair in pairs for cell in pair)
    run = _run_variance(arms, noise)
    cluster = grid.labels(arms.item, arms.a - arms.b)

    base = Precision(n, replications, 1, 2 * len(pairs), 0.0, data.level, 0.0, None)
    if asked.scope == FIXED:
        interval = these_items_interval(float((arms.a - arms.b).mean()), noise, data.level)
        if interval is None or not run:
            raise ValueError(f"run-to-run noise is not known: {noise.reason}")
        return replace(base, half_width=_half(interval), run=run * n * replications), FIXED
    if asked.scope == PROMPTS and asked.factor != PROMPT:
        item, table, prompts = differences_by_prompt(grid, pairs, asked.missing)
        if len(prompts) >= MIN_PROMPTS and item.size >= 2:
            labels = grid.labels(item, table.mean(axis=1))
            interval = prompts_interval(table, cluster=labels, level=data.level)
            if not interval.se:
                raise ValueError("the differences do not vary")
            base = replace(base, items=item.size, prompts=len(prompts), half_width=_half(interval))
            return _crossed(base, two_way(table, labels), run), PROMPTS
    seed = contrast_seed(data.seed, asked)
    interval = paired_difference(arms.a, arms.b, cluster=cluster, level=data.level, seed=seed)
    if not interval.se:
        raise ValueError("the differences do not vary")
    base, whole = replace(base, half_width=_half(interval)), interval.se**2 * n
    if run is None:
        return replace(base, item=whole), ITEMS
    return replace(base, item=max(0.0, whole - run * n), run=run * n * replications), ITEMS


def _half(interval: Interval) -> float:
    return (interval.high - interval.low) / 2


def _crossed(base: Precision, parts: TwoWay, run: float | None) -> Precision:
    """The parts of a contrast over random items and prompts; what is negative is 0."""
    items, prompts = base.items, base.prompts
    rest = parts.residual * items * prompts
    return replace(
        base,
        item=max(0.0, parts.items - parts.residual) * items,
        prompt=max(0.0, parts.prompts - parts.residual) * prompts,
        item_prompt=rest if run is None else max(0.0, rest - run * items * prompts),
        run=None if run is None else run * items * prompts * base.replications,
    )


def _run_variance(arms: Arms, noise: RunNoise) -> float | None:
    """Variance of the difference from runs alone; 0 where no answer ever changed, None where unknown."""
    if noise.se_run is not None:
        return noise.se_run**2
    return 0.0 if arms.run_a is not None and arms.run_b is not None else None


def _sentence(
    asked: Asked,
    now: Precision,
    found: Sequence[Option],
    best: int | None,
    unit: Unit,
    scope: str,
    left: bool,
) -> str:
    told = [
        f"The gap between {quoted(asked.label_a)} and {quoted(asked.label_b)} is known to "
        f"±{unit.amount(now.half_width)}."
    ]
    if now.run is None:
        told.append("What more replications would do cannot be told from one.")
    elif now.run == 0:
        told.append("No answer changed between replications: more of them would tell nothing.")
    elif now.run_share is not None and scope != FIXED:
        told.append(f"Run-to-run noise makes {percent(now.run_share)} of its variance.")
    if best is None:
        some = any((option.narrower or 0) > 0 for option in found)
        told.append(
            "None of the purchases that can be made would narrow it; more items would, which the study's "
            "sources do not have."
            if some
            else "None of the purchases would narrow it."
        )
    else:
        choice = found[best]
        money = "" if not choice.extra_usd else f" (${choice.extra_usd:,.2f})"
        beside = _beside(now, found, choice, unit)
        told.append(
            f"The next {counted(choice.extra_answers, 'answer')}{money} narrow it most as "
            f"{_bought(now, choice)}: to ±{unit.amount(choice.half_width or 0.0)}{beside}."
        )
    if scope == FIXED:
        told.append("About exactly these items only replications tell more.")
    elif not left:
        told.append(
            "All items of the study's sources are in use: more would have to come from elsewhere."
        )
    return " ".join(told)


def _bought(now: Precision, option: Option) -> str:
    parts = []
    if option.extra_items:
        parts.append(f"{counted(option.extra_items, 'more item')}")
    if option.replications > now.replications:
        parts.append(f"{option.replications} replications of each in place of {now.replications}")
    if option.prompts > now.prompts:
        parts.append(f"{option.prompts - now.prompts} more prompts")
    return " and ".join(parts)


def _beside(now: Precision, found: Sequence[Option], choice: Option, unit: Unit) -> str:
    """The other purchases of the same price, the best of them named."""
    others = [
        option
        for option in found
        if option.tier == choice.tier and option is not choice and option.half_width is not None
    ]
    if not others:
        return ""
    second = min(others, key=lambda option: option.half_width or 0.0)
    return f" ({_bought(now, second)}: ±{unit.number(second.half_width or 0.0)})"
