"""When a study with `stopping: anytime` was settled, on what evidence, and what that saved."""

from typing import Any

from splitplot.inference.checks import Flag
from splitplot.inference.data import StudyData
from splitplot.inference.sequential.interim import look_json
from splitplot.inference.sequential.released import look_evidence
from splitplot.inference.sequential.stopping import Look, settled_at
from splitplot.inference.wording import counted, percent, quoted
from splitplot.looks import ANYTIME, looks_of

PLANNED = "planned_items"
"""Key that scripts/infer.py adds to the plan: how many items the study has, asked or not."""


def chapter(data: StudyData) -> tuple[dict[str, Any] | None, list[Flag]]:
    """The `stopping` of inference.json; None for a study of fixed size.

    enough: the e-value at which a contrast's confidence sequence excludes 0, m/α.
    """
    total = looks_of(data.plan)
    if not total:
        return None, []
    looks = look_evidence(data)
    settled = settled_at(looks)
    asked = len(data.answers().items)
    planned = int(data.plan.get(PLANNED) or asked)
    saved = 1 - asked / planned if planned else 0.0
    value = {
        "rule": ANYTIME,
        "of": total,
        "alpha": data.alpha,
        "enough": len(data.plan["analysis"]["primary"]) / data.alpha,
        "looks": [look_json(look) for look in looks],
        "settled_at": settled,
        "asked_items": asked,
        "planned_items": planned,
        "saved_share": saved,
        "sentence": _sentence(looks, total, settled, asked, planned),
    }
    return value, _flags(looks, settled, asked, planned)


def _sentence(looks: list[Look], total: int, settled: int | None, asked: int, planned: int) -> str:
    valid = f"The intervals allow for stopping at any of the {total} looks."
    if settled is None:
        if asked < planned:
            return (
                f"Not settled so far, after {counted(len(looks), 'look')} of {total}: {asked:,} of "
                f"{counted(planned, 'item')} were asked. {valid}"
            )
        return (
            f"Not settled by the last of {total} looks: all {counted(planned, 'item')} were asked."
            f" {valid}"
        )
    if asked == planned:
        return f"Settled at the last of {total} looks, with all {counted(planned, 'item')}. {valid}"
    return (
        f"Settled after look {settled} of {total}, with {asked:,} of {counted(planned, 'item')}: "
        f"{percent(1 - asked / planned)} of the answers were not needed. {valid}"
    )


def _flags(looks: list[Look], settled: int | None, asked: int, planned: int) -> list[Flag]:
    flags = []
    if settled is not None and asked < planned:
        flags.append(
            Flag(
                "stopped_early",
                "study",
                "The study stopped when its primary contrasts were settled: intervals of other "
                "comparisons and means do not allow for that, and estimates may be somewhat too large.",
            )
        )
    for one in looks[-1].evidence if looks else ():
        if one.barred is not None:
            flags.append(
                Flag(
                    "look_barred",
                    one.contrast,
                    f"No look could settle {quoted(one.contrast)} so far: {one.barred}.",
                )
            )
    return flags
