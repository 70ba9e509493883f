"""The rows of the tables beside the report that come from the chapter `answering` of inference.json."""

from collections.abc import Iterator, Mapping
from typing import Any

from splitplot.report.endpoints import ENDPOINTS, STATES, moves

Row = dict[str, Any]


def answering_rows(answering: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The rows of `answering_arms`, `answering_contrasts` and `answering_flows`; none without the chapter."""
    return {
        "answering_arms": [_arm(row) for row in answering.get("arms") or []],
        "answering_contrasts": [
            {**row, **_spread("difference", row.get("difference"))}
            for row in answering.get("contrasts") or []
        ],
        "answering_flows": list(_flows(answering.get("flows") or [])),
    }


def _arm(arm: Mapping[str, Any]) -> Row:
    rates, states = arm.get("rates") or {}, arm.get("states") or {}
    return {
        **{key: value for key, value in arm.items() if not isinstance(value, dict | list)},
        **{key: v for name in ENDPOINTS for key, v in _spread(name, rates.get(name)).items()},
        **{f"n_{name}": states.get(name) for name in (*STATES, "lost")},
    }


def _flows(flows: list[Mapping[str, Any]]) -> Iterator[Row]:
    for flow in flows:
        keys = {key: flow.get(key) for key in ("condition", "control", "answerable", "n_pairs")}
        for before, after, count in moves(flow):
            yield {**keys, "state_control": before, "state_condition": after, "count": count}


def _spread(name: str, interval: Mapping[str, Any] | None) -> Row:
    """An interval as the columns that begin with `name`."""
    if not interval:
        return {}
    ends = {f"{name}_{key}": interval.get(key) for key in ("low", "high", "level", "method")}
    return {name: interval.get("estimate"), **ends}
