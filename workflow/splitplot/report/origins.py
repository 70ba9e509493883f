"""Where everything came from: plan status, models, prompts, items, scorers, versions, hashes."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from splitplot import __version__
from splitplot.errors import ConfigError
from splitplot.report.cells import SHOWN_ROWS
from splitplot.report.hostile import cut
from splitplot.report.wording import instant, percent, plural
from splitplot.text import dollars

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "statsmodels", "jinja2", "snakemake")
ROUTE_PACKAGES = {"local": "xllamacpp", "litellm": "litellm", "realtime": "aiohttp"}
PROMPT_BYTES = 3000
SHOWN_SOURCES = 40
TILTED = 0.05
"""From this share of a sample in strata beyond their part on, it is said."""


def versions(plan: Mapping[str, Any]) -> dict[str, str]:
    """Versions of splitplot, Python and the packages that can change a number of this study."""
    used = {ROUTE_PACKAGES.get(t.get("route", "")) for t in plan.get("trials", [])} - {None}
    found = {"splitplot": __version__, "python": platform.python_version()}
    for name in (*PACKAGES, *sorted(n for n in used if n)):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def plan_status(plan: Mapping[str, Any], inference: Mapping[str, Any]) -> str:
    """Whether the analysis was fixed before the first answer was read, in a sentence or two."""
    frozen = inference.get("frozen") or {}
    code = frozen.get("analysis_digest") or (plan.get("digests") or {}).get("analysis") or "unknown"
    read = frozen.get("first_read_at")
    if frozen.get("status") == "exploratory":
        text = (
            f"The analysis plan (digest {code}) was changed after answers had been read"
            + (f", first on {instant(read)}" if read else "")
            + ": its results are exploratory."
        )
    elif read:
        text = (
            f"The analysis plan (digest {code}) was frozen before the first answer was read "
            f"({instant(read)})."
        )
    else:
        text = f"The analysis plan (digest {code}) is frozen; no earlier reading of the answers is on record."
    if frozen.get("extended_after_read"):
        text += (
            " The items, cells or replications have changed since then: what was seen may have guided the "
            "change, and the intervals and p-values do not allow for that."
        )
    return text


def origins(
    plan: Mapping[str, Any], inference: Mapping[str, Any], provenance: list[Mapping[str, Any]]
) -> dict[str, Any]:
    """Everything of the section on methods and origins.

    provenance: the list of items.json, empty where that file is absent.
    """
    analysis = plan.get("analysis") or {}
    settings = {
        "alpha": inference.get("alpha", analysis.get("alpha")),
        "seed": analysis.get("seed"),
        "missing answers": ", ".join(
            sorted({str(c.get("missing") or "strict") for c in analysis.get("primary") or []})
        ),
        "item limit": plan.get("item_limit") or "none",
        "budget policy": (plan.get("budget") or {}).get("policy"),
    }
    return {
        "status": plan_status(plan, inference),
        "methods": [
            {"name": m.get("name", ""), "source": m.get("formula_source") or ""}
            for m in inference.get("methods") or []
        ],
        "settings": [(k, str(v)) for k, v in settings.items() if v not in (None, "")],
        "trials": [_trial(t) for t in plan.get("trials", [])[:SHOWN_ROWS]],
        "trials_left": max(0, len(plan.get("trials", [])) - SHOWN_ROWS),
        "prompts": _prompts(plan, int(inference.get("n_items") or 0)),
        "conditions": [_condition(c) for c in plan.get("conditions", [])[:40]],
        "conditions_left": max(0, len(plan.get("conditions", [])) - 40),
        "scorers": [
            {
                "name": s.get("name", ""),
                "scorer": s.get("scorer", ""),
                "digest": s.get("digest", ""),
                "options": _short(s.get("options") or {}),
            }
            for s in plan.get("scorers", [])
        ],
        "items": [
            line for source in (provenance or plan.get("items") or []) for line in _source(source)
        ][:SHOWN_SOURCES],
        "digests": [(k, str(v)) for k, v in (plan.get("digests") or {}).items()],
        "versions": list(versions(plan).items()),
        "planned_by": str(plan.get("splitplot") or ""),
        "command": f"snakemake --profile local results/{plan.get('study', '')}/report.html",
        "study_file": str(plan.get("study_file") or ""),
    }


def _trial(trial: Mapping[str, Any]) -> dict[str, str]:
    """One model with its settings, its route and what pins it (weights, address, simulation)."""
    route, endpoint = trial.get("route", ""), trial.get("endpoint") or {}
    if route == "local":
        weights = endpoint.get("weights") or {}
        where = weights.get("file") or weights.get("path") or ""
        pins = f"{where}, sha256 {endpoint.get('sha256', 'unknown')}"
    elif route == "sim":
        pins = _short(endpoint)
    else:
        names = (endpoint.get("model"), endpoint.get("base_url"))
        pins = " at ".join(str(n) for n in names if n)
    return {
        "id": str(trial.get("id", "")),
        "hash": str(trial.get("hash", "")),
        "model": str(trial.get("model_id") or trial.get("model") or ""),
        "role": str(trial.get("role") or "solver"),
        "route": str(route),
        "parameters": _short(trial.get("parameters") or {}),
        "pins": pins,
    }


def _condition(condition: Mapping[str, Any]) -> dict[str, Any]:
    """One prompt arm with its text, cut to a readable length."""
    template = condition.get("template") or {}
    texts = []
    if template.get("system"):
        texts.append(("system", str(template["system"])))
    for example in template.get("examples") or []:
        texts += [(f"example, {who}", str(text)) for who, text in example.items()]
    texts.append(("body", str(template.get("body") or "")))
    parts = []
    for who, text in texts[:12]:
        head, left = cut(text, PROMPT_BYTES)
        more = (
            f"{plural(left, 'character')} more in {condition.get('path', 'the file')}"
            if left
            else ""
        )
        parts.append({"who": who, "text": head, "more": more})
    return {
        "name": str(condition.get("name", "")),
        "placebo": _placebo(condition.get("placebo")),
        "id": str(condition.get("id", "")),
        "hash": str(condition.get("hash", "")),
        "path": str(condition.get("path") or ""),
        "parts": parts,
    }


def _placebo(placebo: Mapping[str, Any] | None) -> str:
    return f"{placebo.get('kind')} of {placebo.get('of')}" if placebo else ""


def _prompts(plan: Mapping[str, Any], n_items: int) -> dict[str, Any]:
    """The audit of the prompts: a row per arm, and the control that they are compared with.

    `problem`: why there is no audit, where a template cannot be shown without an item.
    """
    from splitplot.calls.prompt_audit import audit

    if not plan.get("conditions"):
        return {"control": "", "rows": [], "problem": ""}
    try:
        found = audit(plan, n_items)
    except ConfigError as error:
        return {"control": "", "rows": [], "problem": str(error)}
    rows = [
        {
            "name": str(arm["condition"]),
            "hash": str(arm["hash"]),
            "placebo": _placebo(arm["placebo"]),
            "characters": f"{arm['characters']:,}",
            "words": f"{arm['words']:,}",
            "tokens": f"{arm['tokens']:,}",
            "added": f"{arm['added_tokens']:+,}" if arm["added_tokens"] else "0",
            "usd": _added([row for row in found["costs"] if row["condition"] == arm["condition"]]),
        }
        for arm in found["arms"][:SHOWN_ROWS]
    ]
    return {"control": found["control"], "rows": rows, "problem": ""}


def _added(rows: list[Mapping[str, Any]]) -> str:
    """The added dollars per 1,000 requests over the trials, with those of no price named by the reason."""
    known = [row["added_usd_per_1000"] for row in rows if row["added_usd_per_1000"] is not None]
    ends = (
        [
            f"{'−' if usd < 0 else '+' if usd else ''}{dollars(abs(usd))}"
            for usd in (min(known), max(known))
        ]
        if known
        else []
    )
    reasons = dict.fromkeys(row["reason"] for row in rows if row["added_usd_per_1000"] is None)
    return "; ".join([*([" to ".join(dict.fromkeys(ends))] if ends else []), *map(str, reasons)])


def _source(source: Mapping[str, Any]) -> list[str]:
    """One source of items on a line, without what is empty; a sample with a line for each stratum."""
    if source.get("kind") == "sample":
        return _sample(source)
    known = ((k, v) for k, v in source.items() if v not in (None, "", [], {}))
    return [
        " · ".join(f"{k} {v if isinstance(v, str | int | float) else _short(v)}" for k, v in known)
    ]


def _sample(record: Mapping[str, Any]) -> list[str]:
    """What was sampled: of how many, by what, and how many each stratum had and gave."""
    by = [str(key) for key in record.get("by") or []]
    strata = f", stratified by {', '.join(by)}" if by else ""
    lines = [
        f"sample of {plural(record.get('rows') or 0, 'item')} out of {record.get('of') or 0:,}"
        f" · seed {record.get('seed')}{strata}"
    ]
    if by:
        for row in record.get("strata") or []:
            name = " · ".join(f"{key} {_value(row.get(key))}" for key in by)
            lines.append(f"stratum {name}: {row.get('taken') or 0:,} of {row.get('items') or 0:,}")
    tilt = _tilt(record)
    if tilt > TILTED:
        lines.append(
            f"{percent(tilt, 1)} of the sample would be of other strata if each gave exactly its part (each "
            "gives at least one item): every figure is of the sample as it was drawn"
        )
    return lines


def _tilt(record: Mapping[str, Any]) -> float:
    """How far the strata's shares of the sample are from those of the sources: half their summed distance."""
    size, total = record.get("rows") or 0, record.get("of") or 0
    if not size or not total:
        return 0.0
    gone = sum(
        abs((row.get("taken") or 0) / size - (row.get("items") or 0) / total)
        for row in record.get("strata") or []
    )
    return float(gone / 2)


def _value(value: Any) -> str:
    """The value of a stratum in a word."""
    return {None: "none", True: "yes", False: "no"}.get(value, str(value))


def _short(value: Any, limit: int = 400) -> str:
    """JSON in one line, cut."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= limit else text[:limit] + " …"
