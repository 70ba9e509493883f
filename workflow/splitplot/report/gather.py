"""The rows of the tables beside the report, from inference.json and costs.json, nothing rounded."""

from collections.abc import Iterator, Mapping
from typing import Any

from splitplot.report.answering_rows import answering_rows
from splitplot.report.cells import Cells

Row = dict[str, Any]
LOCAL_TIME = ("jobs", "hours", "gpu_hours", "loading_share")


def rows(
    plan: Mapping[str, Any], inference: Mapping[str, Any], costs: Mapping[str, Any]
) -> dict[str, list[Row]]:
    """The rows of every table of `columns.SPECS` by its name; what is not known is absent from a row."""
    cells = Cells(plan)
    return {
        "cells": [_cell_row(r, cells) for r in inference.get("conditions") or []],
        "outcomes": list(_outcomes(inference, cells)),
        "contrasts": [_contrast(c, inference, cells) for c in _every(inference)],
        "scopes": list(_scopes(inference)),
        "analyses": list(_analyses(inference)),
        "families": list(_families(inference)),
        "omnibus": [_omnibus(r) for r in inference.get("omnibus") or []],
        "components": list(_components(inference)),
        "interaction": list(_interaction(inference)),
        "ranking": list(_ranking(inference)),
        "raters": list((inference.get("raters") or {}).get("levels") or []),
        "rater_contrasts": list(_rater_contrasts(inference)),
        "rater_components": [
            _component(row)
            for row in ((inference.get("raters") or {}).get("components") or {}).get("rows") or []
        ],
        "pareto": list(_pareto(inference, cells)),
        "spent": [{**r, **_spread("ratio", r.get("ratio"))} for r in inference.get("spent") or []],
        "datasets": list(_datasets(inference)),
        "drift": list(_drift(inference, cells)),
        "calibration": [
            {**r, **_ids(r.get("cell") or r, cells)} for r in inference.get("calibration") or []
        ],
        "calibration_bins": [
            {**bin_, **_ids(r.get("cell") or r, cells)}
            for r in inference.get("calibration") or []
            for bin_ in r.get("bins") or []
        ],
        "pass_at_k": [
            {
                **_ids(r.get("cell") or r, cells),
                "k": r.get("k"),
                "n_items": r.get("n_items"),
                **_spread("pass_at_k", r.get("pass_at_k")),
                **_spread("pass_hat_k", r.get("pass_hat_k")),
            }
            for r in inference.get("pass_at_k") or []
        ],
        "purchase": list(_purchase(inference)),
        "placebo": list((inference.get("placebo") or {}).get("kinds") or []),
        "placebo_p_values": list(_placebo_bins(inference)),
        "stopping": list(_stopping(inference)),
        "costs": list(_costs(costs, cells)),
        **answering_rows(inference.get("answering") or {}),
    }


def _costs(costs: Mapping[str, Any], cells: Cells) -> Iterator[Row]:
    """The cells; the time of a local model is that of its trial, in each of the trial's rows."""
    times = {
        row["trial"]: {f"trial_{key}": row[key] for key in LOCAL_TIME}
        for row in (costs.get("local") or {}).get("trials") or []
    }
    for row in costs.get("cells") or []:
        ids = _ids(row, cells)
        yield {**row, **ids, **times.get(ids.get("trial_id"), {})}


def _every(inference: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The declared contrasts, and every other pair."""
    return [*(inference.get("contrasts") or []), *(inference.get("exploration") or [])]


def _ids(row: Any, cells: Cells) -> Row:
    """Trial and condition of a row by id and by name; nothing where it names no cell of the plan."""
    if not isinstance(row, Mapping) or not (row.get("trial") or row.get("model")):
        return {}
    cell = cells.of(row)
    ids = {name: id_ for id_, name in cells.conditions.items()}
    return {
        "trial_id": cell[0],
        "condition_id": ids.get(cell[1], cell[1]),
        **cells.factors(cell),
    }


def _spread(name: str, interval: Mapping[str, Any] | None) -> Row:
    """An interval as the columns that begin with `name`."""
    if not interval:
        return {}
    ends = {f"{name}_{key}": interval.get(key) for key in ("low", "high", "level", "method")}
    return {name: interval.get("estimate"), **ends}


def _ends(name: str, interval: Mapping[str, Any] | None) -> Row:
    return {f"{name}_{key}": (interval or {}).get(key) for key in ("low", "high")}


def _cell_row(row: Mapping[str, Any], cells: Cells) -> Row:
    ids = _ids(row, cells)
    return {
        **row,
        **ids,
        "trial_hash": cells.trials.get(str(ids.get("trial_id")), {}).get("hash"),
        **_spread("strict", row.get("strict")),
        **_spread("these_items", row.get("these_items")),
        **_spread("observed", row.get("observed")),
        **{key: None for key in ("strict", "these_items", "observed") if not row.get(key)},
    }


def _outcomes(inference: Mapping[str, Any], cells: Cells) -> Iterator[Row]:
    for row in (inference.get("health") or {}).get("outcomes") or []:
        for outcome, count in (row.get("counts") or {}).items():
            yield {**_ids(row, cells), "outcome": outcome, "count": count}


def _contrast(c: Mapping[str, Any], inference: Mapping[str, Any], cells: Cells) -> Row:
    effects, tests, lost = (c.get(key) or {} for key in ("effects", "one_sided", "lost"))
    bounds, tip = lost.get("bounds") or {}, lost.get("tipping") or {}
    alone = c.get("discordant") or {}
    family = next(
        (
            f.get("name")
            for f in inference.get("families") or []
            if c.get("name") in (f.get("contrasts") or [])
        ),
        None,
    )
    return {
        **{key: value for key, value in c.items() if not isinstance(value, dict | list)},
        "contrast": c.get("name"),
        "family": family,
        **{f"cells_{arm}": _arm_cells(c, arm, cells) for arm in ("a", "b")},
        **_spread("difference", c.get("difference")),
        **_spread("ratio", c.get("ratio")),
        **_ends("equivalence", c.get("equivalence")),
        **_ends("simultaneous", c.get("simultaneous")),
        "a_only": alone.get("a_only"),
        "b_only": alone.get("b_only"),
        "noise_half_width": (c.get("noise") or {}).get("half_width"),
        **_spread("odds_ratio", c.get("odds_ratio")),
        **_spread("cliffs_delta", effects.get("cliffs_delta")),
        **_spread("hodges_lehmann", effects.get("hodges_lehmann")),
        **_spread("d_z", effects.get("d_z")),
        "p_non_inferiority": tests.get("non_inferiority"),
        "p_superiority_by_margin": tests.get("superiority_by_margin"),
        "p_equivalence": tests.get("equivalence"),
        "lost_a": lost.get("n_a"),
        "lost_b": lost.get("n_b"),
        "bound_low": (bounds.get("low") or {}).get("estimate"),
        "bound_high": (bounds.get("high") or {}).get("estimate"),
        "tipping_needed": tip.get("needed"),
        "tipping_of": tip.get("of"),
        "differential_p": lost.get("differential_p"),
    }


def _arm_cells(contrast: Mapping[str, Any], arm: str, cells: Cells) -> str:
    """The cells of one level, by ids."""
    ids = {name: id_ for id_, name in cells.conditions.items()}
    of_arm = (cell for cell in cells.order if cells.arm(contrast, cell) == arm)
    return " ".join(f"{trial}/{ids.get(name, name)}" for trial, name in of_arm)


def _scopes(inference: Mapping[str, Any]) -> Iterator[Row]:
    for c in _every(inference):
        for one in c.get("scopes") or []:
            spread = _spread("difference", one.get("difference")) | _spread(
                "ratio", one.get("ratio")
            )
            keys = {key: one.get(key) for key in ("scope", "verdict", "reason")}
            yield {"contrast": c.get("name"), **keys, **spread}


def _analyses(inference: Mapping[str, Any]) -> Iterator[Row]:
    for c in _every(inference):
        for one in c.get("sensitivity") or []:
            yield {
                "contrast": c.get("name"),
                "analysis": one.get("name"),
                "verdict": one.get("verdict"),
                "holds": one.get("holds"),
                **_spread("difference", one.get("difference")),
            }


def _families(inference: Mapping[str, Any]) -> Iterator[Row]:
    for family in inference.get("families") or []:
        joint = family.get("simultaneous") or {}
        for name in family.get("contrasts") or []:
            yield {
                "family": family.get("name"),
                **{key: family.get(key) for key in ("metric", "kind", "adjustment", "over")},
                "contrast": name,
                "simultaneous_method": joint.get("method"),
                "critical": joint.get("critical"),
            }


def _omnibus(row: Mapping[str, Any]) -> Row:
    freedom = row.get("df")
    degrees = freedom if isinstance(freedom, list) else [] if freedom is None else [freedom]
    return {
        **row,
        "levels": "; ".join(str(level) for level in row.get("levels") or []),
        "df": " ".join(f"{d:g}" for d in degrees if d is not None),
    }


def _components(inference: Mapping[str, Any]) -> Iterator[Row]:
    found = inference.get("components") or {}
    for row in found.get("rows") or []:
        yield {**_component(row), "metric": found.get("metric")}


def _component(row: Mapping[str, Any]) -> Row:
    ends = row.get("range") or (None, None)
    return {
        **{key: value for key, value in row.items() if key != "name"},
        "source": row.get("name"),
        "range_low": ends[0],
        "range_high": ends[1],
    }


def _rater_contrasts(inference: Mapping[str, Any]) -> Iterator[Row]:
    for entry in (inference.get("raters") or {}).get("contrasts") or []:
        several = [("mean", entry.get("mean")), ("like these", entry.get("like_these"))]
        for kind, row in [*(("rater", r) for r in entry.get("rows") or []), *several]:
            if row:
                yield {
                    **{key: value for key, value in row.items() if key != "difference"},
                    "contrast": entry.get("contrast"),
                    "kind": kind,
                    "declared": kind == "rater" and row.get("rater") == entry.get("declared"),
                    **_spread("difference", row.get("difference")),
                }


def _interaction(inference: Mapping[str, Any]) -> Iterator[Row]:
    for entry in inference.get("interaction") or []:
        for one in entry.get("simple") or []:
            yield {
                "contrast": entry.get("contrast"),
                "factor": entry.get("factor"),
                "with_factor": entry.get("with"),
                **{key: one.get(key) for key in ("level", "n_items", "p_value")},
                **_spread("difference", one.get("difference")),
                "joint_p": (entry.get("joint") or {}).get("p_value"),
                "sign_differs": entry.get("sign_differs"),
                "conditional": entry.get("conditional"),
            }


def _ranking(inference: Mapping[str, Any]) -> Iterator[Row]:
    for entry in inference.get("ranking") or []:
        for place, row in enumerate(entry.get("rows") or [], start=1):
            yield {
                **row,
                "factor": entry.get("factor"),
                "metric": entry.get("metric"),
                "place": place,
                **_spread("mean", row.get("mean")),
            }


def _pareto(inference: Mapping[str, Any], cells: Cells) -> Iterator[Row]:
    found = inference.get("pareto") or {}
    for row in found.get("rows") or []:
        ends, mean = row.get("usd_interval") or (None, None), row.get("mean")
        yield {
            **row,
            **_ids(row.get("cell") or row, cells),
            "axis": found.get("axis"),
            "cost": row.get("usd_per_answer"),
            "cost_low": ends[0],
            "cost_high": ends[1],
            "mean": mean.get("estimate") if isinstance(mean, Mapping) else mean,
        }


def _datasets(inference: Mapping[str, Any]) -> Iterator[Row]:
    for entry in inference.get("datasets") or []:
        for row in entry.get("rows") or []:
            yield {
                "contrast": entry.get("contrast"),
                "dataset": row.get("dataset"),
                "kind": "dataset",
                "n_items": row.get("n_items"),
                **_spread("difference", row.get("difference")),
            }
        for kind in ("fixed", "random", "prediction"):
            if entry.get(kind):
                spread = _spread("difference", entry[kind])
                yield {"contrast": entry.get("contrast"), "kind": kind, **spread}


def _drift(inference: Mapping[str, Any], cells: Cells) -> Iterator[Row]:
    found = inference.get("drift") or {}
    for row in found.get("cells") or []:
        yield {"kind": "cell", **_ids(row.get("cell") or row, cells), **_change(row)}
    for entry in found.get("contrasts") or []:
        contrast = {"contrast": entry.get("contrast")}
        for row in entry.get("gaps") or []:
            spread = _spread("difference", row.get("difference"))
            yield {"kind": "gap", **contrast, "wave": row.get("wave"), **spread}
        for row in entry.get("changes") or []:
            yield {"kind": "change of the gap", **contrast, **_change(row)}


def _change(row: Mapping[str, Any]) -> Row:
    told = {
        key: row.get(key) for key in ("metric", "wave", "n_items", "p_value", "p_adjusted", "test")
    }
    return {**told, **_spread("difference", row.get("difference"))}


def _purchase(inference: Mapping[str, Any]) -> Iterator[Row]:
    found = inference.get("purchase") or {}
    for place, row in enumerate(found.get("rows") or []):
        yield {**row, "contrast": found.get("contrast"), "best": place == found.get("best")}


def _placebo_bins(inference: Mapping[str, Any]) -> Iterator[Row]:
    for kind in (inference.get("placebo") or {}).get("kinds") or []:
        counts = kind.get("p_values") or []
        for place, count in enumerate(counts):
            ends = {"low": place / len(counts), "high": (place + 1) / len(counts)}
            yield {"kind": kind.get("kind"), "name": kind.get("name"), **ends, "count": count}


def _stopping(inference: Mapping[str, Any]) -> Iterator[Row]:
    for look in (inference.get("stopping") or {}).get("looks") or []:
        for entry in look.get("evidence") or []:
            yield {
                **{key: look.get(key) for key in ("look", "items", "settled")},
                **{key: entry.get(key) for key in ("contrast", "e_value", "log_e")},
                **_spread("difference", entry.get("difference")),
            }
