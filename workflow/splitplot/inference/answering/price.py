"""What an avoided false answer costs, in a mix of questions like the study's own.

A share u of the questions is unanswerable. Every question costs the extra dollars, those of its kind, and
only an unanswerable one can be answered falsely: (u·x̄_U + (1 − u)·x̄_A) / (u·ȳ), dollars of either kind and
false answers avoided per unanswerable question. How a price is spoken of is in `price_sentences`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from splitplot.inference.answering.endpoints import FALSE_ANSWERS, Rated
from splitplot.inference.answering.gaps import HIGHER, LOWER, Entry
from splitplot.inference.answering.price_sentences import FREE, Price, sentence
from splitplot.inference.answering.setting import Gap, Setting
from splitplot.inference.clusters import TooFewClusters, cluster_sums, clusters_agree
from splitplot.inference.data import cell_means
from splitplot.inference.fieller import (
    Means,
    Moments,
    bounded_ratio,
    fieller,
    joint_moments,
    mean_interval,
)
from splitplot.inference.grid import Ints
from splitplot.inference.intervals import EQUAL, Floats, Interval, constant_bounds
from splitplot.inference.noise import smallest_detectable

THOUSAND = 1000


@dataclass(frozen=True)
class _Columns:
    """Per item of the study, NaN where an item has none: extra dollars of unanswerable and of answerable
    items, false answers avoided. cluster: label per item. u: share of unanswerable items."""

    unanswerable: Floats
    answerable: Floats
    saved: Floats
    cluster: Ints
    u: float


def prices(setting: Setting, contrasts: list[Entry]) -> list[dict[str, Any]]:
    """Per condition; empty where no scorer grades unanswerable questions. contrasts: those of the chapter."""
    one = setting.endpoint(FALSE_ANSWERS)
    if one is None:
        return []
    found = []
    for condition in setting.others:
        said = next(
            entry
            for entry in contrasts
            if (entry["condition"], entry["endpoint"]) == (condition, FALSE_ANSWERS)
        )
        price = _price(setting, one, condition, said)
        by_kind = (price.extra_unanswerable, price.extra_answerable)
        found.append(
            {
                "condition": condition,
                "control": setting.control,
                "share_unanswerable": price.u,
                "extra_usd_per_1000": _thousand(price.dollars),
                "extra_usd_interval": _scaled(price.extra),
                "extra_usd_per_1000_unanswerable": _thousand(by_kind[0]),
                "extra_usd_per_1000_answerable": _thousand(by_kind[1]),
                "avoided_per_1000": _thousand(price.avoided),
                "usd_per_avoided": _entry(price.ratio) if price.reason is None else None,
                "reason": price.reason,
                "sentence": setting.said(sentence(condition, setting.control, price)),
            }
        )
    return found


def _price(setting: Setting, one: Rated, condition: str, said: Entry) -> Price:
    compared = setting.compared(one, condition)
    extra, gap = _extra(setting, condition), compared.gap
    columns = _columns(setting, one, extra, gap)
    by_kind = [_mean(columns.unanswerable), _mean(columns.answerable)]
    known = columns.u == 0 or by_kind[0] is not None
    known &= columns.u == 1 or by_kind[1] is not None
    price = Price(columns.u, extra_unanswerable=by_kind[0], extra_answerable=by_kind[1])
    if gap is not None:
        price = price.having(avoided=gap.control_rate - gap.rate)
    if not known:
        return price.having(reason="no price of its answers is known")
    weighed = zip(_weights(columns), by_kind, strict=True)
    price = price.having(dollars=sum(weight * (mean or 0.0) for weight, mean in weighed))
    level = setting.data.level
    try:
        cost = _moments(columns, with_saved=False).combined(_weights(columns), (0, 0))
        price = price.having(extra=mean_interval(cost.x, cost.var_x, cost.df, level))
    except TooFewClusters as problem:
        lowered = said["direction"] == LOWER
        return price.having(reason=str(problem) if lowered else _no_gain(said))
    if gap is None or said["direction"] != LOWER:
        return price.having(reason=_no_gain(said))
    means = _moments(columns, with_saved=True).combined(
        (*_weights(columns), 0.0), (0.0, 0.0, columns.u)
    )
    ratio = _ratio(columns, means, level)
    barely = smallest_detectable(float(np.sqrt(means.var_y)), setting.data.alpha, means.df)
    price = price.having(ratio=ratio, barely=barely is not None and means.y < barely)
    assert price.extra is not None
    if price.extra.high <= 0:
        return price.having(reason=FREE)
    if price.extra.estimate <= 0:
        return price.having(reason="whether it costs anything more is open")
    if ratio is None:
        why = "how many false answers are avoided is known too roughly to divide by"
        return price.having(reason=why)
    return price


def _no_gain(said: Entry) -> str:
    """Why there is nothing to divide by: what is said of the false answers, in a clause."""
    if said["direction"] == HIGHER:
        return "it makes more false answers, so none is avoided"
    why = "whether it avoids false answers at all is open"
    if said["reasons"]:
        reasons = "; ".join(reason.rstrip(".") for reason in said["reasons"])
        return f"{why}: {reasons[0].lower()}{reasons[1:]}"
    return why


def _columns(setting: Setting, one: Rated, extra: Floats, gap: Gap | None) -> _Columns:
    answers = setting.answers
    assert answers.answerable is not None
    saved = np.full(extra.size, np.nan)
    if gap is not None:
        place = answers.positions(one.grid.items)[gap.arms.item]
        saved[place] = gap.arms.a - gap.arms.b  # scores: 1 is no false answer
    grid = answers.grid(setting.data, np.zeros(answers.cell.size))
    with_extra, with_saved = np.flatnonzero(np.isfinite(extra)), np.flatnonzero(np.isfinite(saved))
    return _Columns(
        np.where(answers.answerable, np.nan, extra),
        np.where(answers.answerable, extra, np.nan),
        saved,
        grid.codes((with_extra, extra[with_extra]), (with_saved, saved[with_saved])),
        float((~answers.answerable).mean()),
    )


def _weights(columns: _Columns) -> tuple[float, float]:
    return columns.u, 1 - columns.u


def _moments(columns: _Columns, *, with_saved: bool) -> Moments:
    """Means of the extra dollars of either kind of question and, with_saved, of the false answers avoided.
    A kind that the study does not have takes the other's place: it has no weight."""
    both = [columns.unanswerable, columns.answerable]
    if columns.u in (0.0, 1.0):
        both = [both[0] if columns.u else both[1]] * 2
    names = ["extra dollars"] * 2
    if with_saved:
        both, names = [*both, columns.saved], [*names, "false answers avoided"]
    return joint_moments(both, cluster=columns.cluster, names=names)


def _ratio(columns: _Columns, means: Means, level: float) -> Interval | None:
    """Fieller's interval; where all clusters avoid the same, from the bounds that as many allow."""
    kept = np.isfinite(columns.saved)
    sums = cluster_sums(columns.saved[kept], columns.cluster[kept])
    if not clusters_agree(sums) and means.var_y > EQUAL**2:
        return fieller(means, level)
    each = 1 - (1 - level) / 2
    bounds = constant_bounds(means.y / columns.u, sums.size.size, -1.0, 1.0, each)
    avoided = Interval(
        means.y, columns.u * bounds.low, columns.u * bounds.high, each, bounds.method
    )
    return bounded_ratio(mean_interval(means.x, means.var_x, means.df, each), avoided, level)


def _extra(setting: Setting, condition: str) -> Floats:
    """Dollars per answer in the condition less those in the control, per item: means over the pairs of
    cells; NaN where one of them is not known."""
    answers, n = setting.answers, len(setting.answers.items)

    def by_item(cell: int) -> Floats:
        here = answers.cell == cell
        return cell_means(answers.usd[here], answers.item[here], n)

    gaps = [by_item(cell) - by_item(control) for cell, control in setting.pairs(condition)]
    return np.mean(gaps, axis=0) if gaps else np.full(n, np.nan)


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _thousand(value: float | None) -> float | None:
    return None if value is None else THOUSAND * value


def _scaled(extra: Interval | None) -> dict[str, Any] | None:
    """The interval of the extra dollars, per 1,000 questions."""
    if extra is None:
        return None
    ends = {key: THOUSAND * getattr(extra, key) for key in ("estimate", "low", "high")}
    return ends | {"level": extra.level, "method": extra.method, "df": extra.df}


def _entry(ratio: Interval | None) -> dict[str, Any] | None:
    if ratio is None:
        return None
    return {
        "estimate": ratio.estimate,
        "low": max(0.0, ratio.low),
        "high": ratio.high,
        "level": ratio.level,
        "method": ratio.method,
        "df": ratio.df,
    }
