"""Words for answering, abstaining and answering falsely: endpoints and states of an answer."""

from collections.abc import Iterable, Mapping
from typing import Any

ENDPOINTS = {
    "exact_match": "exact match",
    "f1": "F1",
    "false_answers": "false answers",
    "unsupported": "unsupported claims",
    "abstention": "abstentions, all items",
    "abstention_answerable": "abstentions, answerable items",
    "abstention_unanswerable": "abstentions, unanswerable items",
    "refusals": "refusals",
    "unusable": "unusable answers",
}
"""Rates of an arm in inference.json, in the order of the report."""

STATES = {
    "right": "right",
    "held_back": "held back",
    "abstained": "abstained",
    "refused": "refused",
    "unusable": "unusable",
    "answered": "answered",
    "wrong": "wrong",
    "false_answer": "false answer",
}
"""States of an answer, the best first; `answered` where no scorer says whether it is right."""

_RANKS = {"right": 2, "held_back": 2, "abstained": 1, "refused": 1, "answered": 1}
"""How good a state is, 0 for the others: who abstains misleads nobody, and does not help."""

ANSWERABLE = {True: "answerable items", False: "unanswerable items", None: "all items"}
"""Which items a flow is of; None where no scorer tells them apart."""


def endpoint(name: object) -> str:
    """An endpoint in words."""
    return ENDPOINTS.get(str(name), str(name or "").replace("_", " "))


def state(name: object) -> str:
    """A state of an answer in words."""
    return STATES.get(str(name), str(name or "").replace("_", " "))


def in_order(states: Iterable[str]) -> list[str]:
    """States, the best first; one that is not known comes last."""
    order = {name: place for place, name in enumerate(STATES)}
    return sorted(set(states), key=lambda name: (order.get(name, len(order)), name))


def change(before: str, after: str) -> str:
    """What it means that an answer went from one state to another: same, better, worse or other."""
    if before == after:
        return "same"
    gain = _RANKS.get(after, 0) - _RANKS.get(before, 0)
    return "better" if gain > 0 else "worse" if gain < 0 else "other"


def moves(flow: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """(state with the control, state with the arm, answers) of a flow, without empty ones, in order."""
    table = flow.get("from_to") or {}
    return [
        (before, after, int(table[before][after]))
        for before in in_order(table)
        for after in in_order(table[before] or {})
        if table[before][after]
    ]


def direction(lower_is_better: bool | None) -> str:
    """Which way of an endpoint is the better one."""
    if lower_is_better is None:
        return "neither is better by itself"
    return "◂ lower is better" if lower_is_better else "higher is better ▸"
