"""Families of comparisons as the report speaks of them: what is adjusted together, of which hypothesis."""

from collections.abc import Mapping, Sequence
from typing import Any

from splitplot.report.wording import Unit, points


def adjusted_together(families: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The families that p-values are adjusted in: those over the whole study are one of each kind."""
    found: list[Mapping[str, Any]] = []
    pooled: dict[str, dict[str, Any]] = {}
    for family in families:
        if family.get("over") != "study":
            found.append(family)
            continue
        kind = str(family.get("kind") or "primary")
        if kind not in pooled:
            pooled[kind] = {**family, "name": f"{kind}, all metrics", "contrasts": []}
            found.append(pooled[kind])
        pooled[kind]["contrasts"] += family.get("contrasts") or []
    return found


def family_size(family: Mapping[str, Any]) -> int:
    """The tests that p-values of the family are adjusted for."""
    return int(family.get("size") or len(family.get("contrasts") or []))


def adjustment_of(contrast: Mapping[str, Any], family: Mapping[str, Any] | None, unit: Unit) -> str:
    """How a contrast's p was adjusted; with `aim: non-inferiority` also the loss that it is then of."""
    how = str(contrast.get("adjustment") or (family or {}).get("adjustment") or "Holm")
    if how != "none" and contrast.get("aim") == "non-inferiority":
        how += f", of a loss of {points(contrast.get('margin'), unit, signed=False)}"
    return how
