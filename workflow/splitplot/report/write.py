"""Write the report, its tables and next.yaml: the same inputs give the same bytes."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from splitplot.files import atomic_text, read_json, write_json
from splitplot.report.answers import answers
from splitplot.report.cells import Cells
from splitplot.report.content import banners, headline, score_unit, verdict
from splitplot.report.export import write_next, write_tables
from splitplot.report.flips import flips
from splitplot.report.gather import rows
from splitplot.report.health import health
from splitplot.report.hostile import encodable, fence, inline_markdown, visible, visible_html
from splitplot.report.origins import origins, plan_status, versions
from splitplot.report.plots import svg
from splitplot.report.section import Figure
from splitplot.report.sections import (
    analyses,
    answering,
    audit,
    components,
    confidence,
    contrasts,
    datasets,
    drift,
    interaction,
    missing,
    placebo,
    purchase,
    ranking,
    raters,
    scores,
    stopping,
    tests,
    tries,
)
from splitplot.report.spending import frontier, spending, spent
from splitplot.report.wording import metric_unit

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
SCHEMA = 2
"""Version of report.json."""
CHAPTERS = (
    *("exploration", "families", "omnibus", "interaction", "components", "purchase", "ranking"),
    *("raters", "answering"),
    *("pareto", "spent", "datasets", "calibration", "pass_at_k", "placebo", "stopping", "drift"),
    "audit",
)
"""Keys of inference.json that report.json carries as they are, where the study has them."""


def write_report(
    *,
    plan: dict[str, Any],
    inference: dict[str, Any],
    costs: dict[str, Any],
    table: Path,
    items: Path,
    output_dir: Path,
) -> None:
    """Write report.html, report.md, report.json, next.yaml and the tables into `output_dir`.

    Each file is complete or absent.

    plan, inference, costs: contents of plan.json, inference.json and costs.json.
    table: item_responses.parquet; items: items.parquet (items.json beside it adds provenance, if there).
    Raises FileNotFoundError where the table or the items are absent.
    """
    plan, inference, costs = encodable(plan), encodable(inference), encodable(costs)
    view = build_view(plan, inference, costs, table, items)
    html, markdown = render_html(view), render_markdown(view)
    with atomic_text(output_dir / "report.html") as file:
        file.write(html)
    with atomic_text(output_dir / "report.md") as file:
        file.write(markdown)
    write_tables(rows(plan, inference, costs), output_dir / "tables")
    write_next(inference.get("purchase") or {}, output_dir / "next.yaml")
    write_json(output_dir / "report.json", machine_readable(plan, inference, costs, view))


def build_view(
    plan: Mapping[str, Any],
    inference: Mapping[str, Any],
    costs: Mapping[str, Any],
    table: Path,
    items: Path,
) -> dict[str, Any]:
    """Everything that the templates show, formatted; a section without data is None."""
    cells, unit = Cells(plan), score_unit(inference)
    scorer = next((s.get("name") for s in plan.get("scorers", [])), None)
    every = inference.get("contrasts") or []
    replications = max((c.get("replications") or 1 for c in plan.get("cells", [])), default=1)
    replications *= len(cells.waves)
    sample = answers(
        table, items, scorer=scorer, contrasts=every, cells=cells, replications=replications
    )
    provenance = items.with_suffix(".json")
    known = read_json(provenance) if provenance.exists() else []
    links = sample["links"]
    flipped = flips(inference.get("answering"), table, items, cells, sample["anchors"])
    before = (
        scores.section(inference, cells, unit, links, scorer or ""),
        answering.section(inference, cells, flipped),
        contrasts.section(inference, cells, unit),
        components.section(inference, unit),
        interaction.section(inference, unit),
        ranking.section(inference, unit),
        raters.section(inference, unit),
        confidence.section(inference, cells),
        tries.section(inference, cells),
    )
    after = (
        datasets.section(inference, unit),
        drift.section(inference, cells, unit),
        missing.section(inference, unit),
        analyses.section(inference, unit),
        purchase.section(inference, unit, str(plan.get("study") or "")),
        placebo.section(inference),
        stopping.section(inference, unit),
    )
    return {
        "head": headline(plan, inference),
        "banners": banners(plan, inference, cells, sample["seen"]),
        "verdicts": [
            verdict({**c, **cells.arm_names(c)}, metric_unit(c.get("metric"), unit))
            for c in every[: contrasts.BOXES]
        ],
        "verdicts_left": max(0, len(every) - contrasts.BOXES),
        "forest": contrasts.first_forest(every, cells, unit),
        "health": health(inference, cells, links),
        "before": [section for section in before if section],
        "costs": spending(costs, cells),
        "frontier": frontier(inference, cells, unit),
        "spent": spent(inference),
        "after": [section for section in after if section],
        "audit": audit.section(inference),
        "tests": tests.tables(inference, unit),
        "answers": sample if sample["items"] else None,
        "links": sample["links"],
        "origins": origins(plan, inference, known if isinstance(known, list) else []),
        "scorer": scorer or "",
    }


def render_html(view: Mapping[str, Any]) -> str:
    """The page; its policy allows exactly its own style and script, and no network at all."""
    style, script = (_asset(TEMPLATES / name) for name in ("report.css", "report.js"))
    environment = _environment(autoescape=True)
    environment.filters["model"] = visible_html
    environment.filters["drawn"] = _drawn
    with svg.settings():
        page: str = environment.get_template("report.html.j2").render(
            **view,
            style=style,
            script=script,
            policy=(
                f"default-src 'none'; style-src '{_source_hash(style)}'; "
                f"script-src '{_source_hash(script)}'; base-uri 'none'; form-action 'none'"
            ),
        )
    return page


def _drawn(figure: Figure) -> list[Any]:
    """The SVG of a figure, for wide screens and for narrow ones; the page's style shows one of them."""
    return [
        figure.draw(width).svg(figure.name, kind, figure.caption, figure.description)
        for kind, width in (("wide", svg.WIDE), ("narrow", svg.NARROW))
    ]


def render_markdown(view: Mapping[str, Any]) -> str:
    """The report in short as GitHub-flavoured Markdown."""
    environment = _environment(autoescape=False)
    environment.filters["fence"] = fence
    environment.filters["line"] = inline_markdown
    page: str = environment.get_template("report.md.j2").render(**view)
    return page


def machine_readable(
    plan: Mapping[str, Any],
    inference: Mapping[str, Any],
    costs: Mapping[str, Any],
    view: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of report.json: numbers as they were computed, nothing rounded."""
    every = inference.get("contrasts") or []
    kept = (
        "name",
        "verdict",
        "sentence",
        "effect",
        "difference",
        "ratio",
        "margin",
        "margin_is_default",
        "scope",
        "reasons",
    )
    return {
        "schema": SCHEMA,
        "study": plan.get("study"),
        "question": plan.get("question"),
        "simulated": any(b["kind"] == "simulated" for b in view["banners"]),
        "complete": not any(b["title"] == "Incomplete" for b in view["banners"]),
        "verdicts": [{k: c.get(k) for k in kept} for c in every],
        "contrasts": every,
        "conditions": inference.get("conditions") or [],
        "health": inference.get("health") or {},
        **{key: inference[key] for key in CHAPTERS if inference.get(key)},
        "flags": inference.get("flags") or [],
        "methods": inference.get("methods") or [],
        "frozen": inference.get("frozen") or {},
        "plan_status": plan_status(plan, inference),
        "costs": costs,
        "digests": plan.get("digests") or {},
        "trials": {t["id"]: t.get("hash") for t in plan.get("trials", [])},
        "versions": versions(plan),
    }


def _environment(*, autoescape: bool) -> Any:
    """A strict Jinja environment in which every printed text has its hidden characters shown."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(path: Path) -> Any:
    """Our own style or script, to be put on the page as it is."""
    from markupsafe import Markup

    return Markup(path.read_text(encoding="utf-8"))


def _source_hash(text: str) -> str:
    """The hash by which a content security policy allows one inline element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
