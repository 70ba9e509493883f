"""Which condition of a study the others are compared with."""

from collections.abc import Mapping, Sequence
from typing import Any

CONTROL = "control"
"""The condition of this name is the control where the study does not say which one is."""


def control_of(plan: Mapping[str, Any], conditions: Sequence[str] | None = None) -> str:
    """The control of a plan: `analysis.control`, else the condition named "control", else the first.

    conditions: names of those that count; by default all of the plan. Not empty.
    """
    names = conditions or [str(condition["name"]) for condition in plan["conditions"]]
    declared = (plan.get("analysis") or {}).get("control")
    return next((str(name) for name in (declared, CONTROL) if name in names), names[0])
