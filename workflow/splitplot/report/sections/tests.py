"""All tests that were made, small p or not: families, contrasts, and whole factors."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.section import Rows, Table, Value
from splitplot.report.sections.families import adjusted_together, adjustment_of
from splitplot.report.wording import NOTHING, Unit, metric_unit, number, p_value


def tables(inference: Mapping[str, Any], unit: Unit) -> tuple[Table, ...]:
    """The list of tests for the section on methods; none where nothing was tested."""
    return (*_factors(inference), *_contrasts(inference, unit))


def _factors(inference: Mapping[str, Any]) -> tuple[Table, ...]:
    table = Rows(("factor", "test", "statistic", "items", "p"))
    for row in inference.get("omnibus") or []:
        freedom = row.get("df") or []
        listed = freedom if isinstance(freedom, list) else [freedom]
        degrees = ", ".join(f"{d:g}" for d in listed if d is not None)
        table.add(
            Value(
                str(row.get("factor") or NOTHING),
                (
                    f"{len(row.get('levels') or [])} levels",
                    *([f"by {row['metric']}"] if row.get("metric") else []),
                ),
            ),
            Value(
                str(row.get("test") or NOTHING), (row["sentence"],) if row.get("sentence") else ()
            ),
            number(row.get("statistic"), 2) + (f" ({degrees} df)" if degrees else ""),
            f"{row['n_items']:,}" if row.get("n_items") is not None else None,
            p_value(row.get("p_value")),
        )
    return table.table("omnibus", "Whole factors: do any of the levels differ?")


def _contrasts(inference: Mapping[str, Any], unit: Unit) -> tuple[Table, ...]:
    table = Rows(("contrast", "family", "test", "p", "adjusted p"))
    families = adjusted_together(inference.get("families") or [])
    of_family = {name: f for f in families for name in f.get("contrasts") or []}
    for c in [*(inference.get("contrasts") or []), *(inference.get("exploration") or [])]:
        family = of_family.get(c.get("name")) or {}
        how = adjustment_of(c, family, metric_unit(c.get("metric"), unit))
        kind = family.get("kind") or ("primary" if c.get("primary", True) else "exploratory")
        adjusted = c.get("p_adjusted")
        table.add(
            str(c.get("name") or NOTHING),
            Value(str(family.get("name") or kind), (kind,) if family.get("name") else ()),
            str(c.get("test") or NOTHING),
            p_value(c.get("p_value")),
            Value(p_value(adjusted), (how,) if how != "none" and adjusted is not None else ()),
        )
    return table.table("tests", "Every contrast that was tested")
