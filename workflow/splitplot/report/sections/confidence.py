"""Calibration and selective answering: is the confidence that comes with an answer worth anything?"""

from collections.abc import Mapping
from typing import Any

from splitplot.report.cells import Cells
from splitplot.report.plots.calibration import calibration
from splitplot.report.section import Rows, Section, Value, said
from splitplot.report.sections.common import cell_label, decimal, share

HEAD = ("cell", "calibration error", "Brier score", "AURC", "wrong at coverage")


def section(inference: Mapping[str, Any], cells: Cells) -> Section | None:
    """The section; None where no answer carries a confidence."""
    every = inference.get("calibration") or []
    if not every:
        return None
    table = Rows(HEAD)
    for row in every:
        risks = row.get("risk_at") or {}
        at = ", ".join(f"{float(k):.0%}: {share(v)}" for k, v in risks.items() if v is not None)
        table.add(
            Value(cell_label(row, cells), _basis(row)),
            _score(row, "ece", debiased=row.get("ece_debiased")),
            _score(
                row, "brier", reliability=row.get("reliability"), resolution=row.get("resolution")
            ),
            _score(row, "aurc", above_the_best_order=row.get("e_aurc")),
            at,
        )
    figure = calibration([(cell_label(row, cells), row.get("bins") or []) for row in every])
    return Section(
        "confidence",
        "Can its confidence be trusted?",
        "Confidence",
        lead=said(*(row.get("sentence") for row in every[:6])),
        figures=(figure,) if figure else (),
        tables=table.table("confidence", "Calibration and selective answering per cell"),
        notes=(
            "Calibration error: mean distance between confidence and share right, weighted by answers; "
            "it is biased upwards in small samples, which the debiased one takes off.",
            "AURC: share wrong, averaged over all shares of answers kept, the most confident first; "
            "wrong at coverage: share wrong among that part of the answers.",
        ),
    )


def _basis(row: Mapping[str, Any]) -> tuple[str, ...]:
    """How many answers it is about."""
    count, part = row.get("n"), row.get("share_with_confidence")
    said = f"{count:,} answers" if count is not None else ""
    return _on_a_line(said, f"{share(part, 0)} with a confidence" if part is not None else "")


def _on_a_line(*parts: str) -> tuple[str, ...]:
    """The parts that there are, on one line."""
    text = ", ".join(part for part in parts if part)
    return (text,) if text else ()


def _score(row: Mapping[str, Any], key: str, **beside: float | None) -> Value:
    """A number with its interval from `intervals`, and what belongs to it on lines of their own."""
    ends = (row.get("intervals") or {}).get(key) or {}
    soft = []
    if ends.get("low") is not None and ends.get("high") is not None:
        soft.append(f"{decimal(ends['low'])} to {decimal(ends['high'])}")
    for name, value in beside.items():
        if value is not None:
            soft.append(f"{name.replace('_', ' ')} {decimal(value)}")
    return Value(decimal(row.get(key)), tuple(soft))
