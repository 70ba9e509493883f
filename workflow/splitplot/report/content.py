"""What the report says, as plain values: the question, banners, verdicts, scores and contrasts."""

from collections.abc import Mapping
from typing import Any

from splitplot.report.cells import Cells, shown
from splitplot.report.figures import dots, forest
from splitplot.report.wording import (
    LOST,
    NOTHING,
    OUTCOME_WORDS,
    POINTS,
    RAW,
    Unit,
    bounds,
    difference,
    level,
    mean,
    number,
    p_value,
    percent,
    plural,
    points,
    scope,
    shown_difference,
)

TONES = {
    "BETTER": ("good", "▲"),
    "BETTER, SIZE OPEN": ("good", "△"),
    "EQUIVALENT": ("same", "="),
    "NOT BETTER BY MARGIN": ("open", "≤"),
    "NOT SETTLED": ("open", "?"),
    "WORSE": ("bad", "▼"),
    "WORSE, SIZE OPEN": ("bad", "▽"),
    "NO VERDICT": ("none", "×"),
}
"""Verdict → (tone of its box, sign before the word): no meaning hangs on colour alone."""


def score_unit(inference: Mapping[str, Any]) -> Unit:
    """Percent and points where all scores lie in 0–1, else the score's own scale."""
    means = [
        abs(c[kind]["estimate"])
        for c in inference.get("conditions", [])
        for kind in ("strict", "observed")
        if c.get(kind) and c[kind].get("estimate") is not None
    ]
    return POINTS if max(means, default=0.0) <= 1.0 + 1e-9 else RAW


def headline(plan: Mapping[str, Any], inference: Mapping[str, Any]) -> dict[str, Any]:
    """The study's name, its question and its size in one line."""
    conditions = inference.get("conditions", [])
    replications = max((c.get("replications") or 0 for c in conditions), default=0)
    facts = [plural(inference.get("n_items") or 0, "item")]
    if inference.get("clustered"):
        facts.append(f"in {plural(inference.get('n_clusters') or 0, 'cluster')}")
    models = {t.get("model") for t in plan.get("trials", [])}
    facts += [
        plural(len(models), "model"),
        plural(len(plan.get("conditions", [])), "condition"),
        plural(len(conditions) or len(plan.get("cells", [])), "cell"),
    ]
    if replications:
        facts.append(plural(replications, "replication"))
    return {
        "study": plan.get("study", ""),
        "question": plan.get("question") or f"Study {plan.get('study', '')}",
        "facts": facts,
    }


def banners(
    plan: Mapping[str, Any], inference: Mapping[str, Any], cells: Cells, seen: Mapping[str, int]
) -> list[dict[str, Any]]:
    """What a reader must know before any number: simulated answers, holes, a small or changed plan.

    seen: {"rows", "simulated"} counted in the item-response table.
    """
    found = []
    if inference.get("simulated") or seen.get("simulated"):
        rows, simulated = seen.get("rows", 0), seen.get("simulated", 0)
        some = 0 < simulated < rows
        share = f"{simulated:,} of {rows:,} answers are simulated" if some else "No model was asked"
        text = (
            f"{share}: a random number generator with known abilities stood in. "
            "These figures rehearse the workflow; they say nothing about any model."
        )
        found.append(_banner("simulated", "Simulated answers", text))
    holes = _holes(inference, cells)
    if holes["lost"]:
        text = (
            f"{holes['lost']:,} of {plural(holes['total'], 'planned answer')} "
            f"({percent(holes['lost'], holes['total'], 1)}) are missing. The figures below rest on the "
            "others. Answers already paid for are reused when the workflow runs again after"
        )
        command = f"splitplot refill {plan.get('study')}"
        found.append(_banner("partial", "Incomplete", text, command, holes["lines"]))
    if plan.get("item_limit"):
        text = (
            f"Only the first {plural(plan['item_limit'], 'item')} were asked (budget.policy: dev). "
            "budget.policy: full asks all."
        )
        found.append(_banner("partial", "Development run", text))
    if (inference.get("frozen") or {}).get("status") == "exploratory":
        text = (
            "The analysis plan was changed after answers had been read. Intervals and verdicts "
            "here suggest what to test next; they do not confirm it."
        )
        found.append(_banner("exploratory", "Exploratory", text))
    return found


def _banner(
    kind: str, title: str, text: str, command: str = "", lines: list[str] | None = None
) -> dict[str, Any]:
    return {"kind": kind, "title": title, "text": text, "command": command, "lines": lines or []}


def _holes(inference: Mapping[str, Any], cells: Cells) -> dict[str, Any]:
    """How many answers were lost, of how many, and a line per cell that lost some."""
    lost = total = 0
    lines = []
    for row in (inference.get("health") or {}).get("outcomes", []):
        counts = row.get("counts") or {}
        here = {o: counts[o] for o in LOST if counts.get(o)}
        total += sum(counts.values())
        if here:
            lost += sum(here.values())
            kinds = ", ".join(f"{n:,} {OUTCOME_WORDS[o]}" for o, n in here.items())
            lines.append(f"{cells.label(cells.of(row))}: {kinds}, of {sum(counts.values()):,}")
    kept, left = lines[:8], len(lines) - 8
    if left > 0:
        kept.append(f"and {plural(left, 'more cell')}: see “Data health”")
    return {"lost": lost, "total": total, "lines": kept}


def verdict(contrast: Mapping[str, Any], unit: Unit) -> dict[str, Any]:
    """The box of one contrast: question, word, sentence, difference, margin, noise, reasons.

    contrast: as in inference.json, its arms by the names that people know (`Cells.arm_names`).
    """
    word, name = contrast.get("verdict") or "NO VERDICT", contrast.get("name") or ""
    tone, sign = TONES.get(word, ("none", "•"))
    lead, rest = first_sentence(contrast.get("sentence") or "")
    interval, margin = contrast.get("difference"), contrast.get("margin")
    estimate = (interval or {}).get("estimate")
    low, high = (interval or {}).get("low"), (interval or {}).get("high")
    return {
        "name": name if name != f"{contrast.get('a')} − {contrast.get('b')}" else "",
        "asks": asks(contrast) or name,
        "word": word,
        "tone": tone,
        "sign": sign,
        "sentence": contrast.get("sentence") or "",
        "lead": lead,
        "rest": rest,
        "value": points(estimate, unit),
        "ends": bounds(low, high, unit),
        "level": level(interval),
        "margin": f"±{points(margin, unit, signed=False)}" if margin else "none set",
        "margin_is_default": bool(contrast.get("margin_is_default")),
        "scope": scope(contrast.get("scope")),
        "known": estimate is not None,
        "size": plural(contrast["n_items"], "item") if contrast.get("n_items") else "",
        "average": contrast.get("averaged_over") or "",
        "noise": noise_sentence(contrast, unit),
        "reasons": list(contrast.get("reasons") or []),
        "refused": word == "NO VERDICT",
        "primary": contrast.get("primary", True),
    }


def asks(contrast: Mapping[str, Any]) -> str:
    """The question that a contrast answers: “Condition “direct” or “steps”?”, empty without arms."""
    factor, a, b = (str(contrast.get(key) or "") for key in ("factor", "a", "b"))
    if not (factor and a and b):
        return ""
    metric = contrast.get("metric") or "score"
    by = f", by {metric}" if metric != "score" else ""
    return f"{factor.capitalize()} “{a}” or “{b}”{by}?"


def first_sentence(text: str) -> tuple[str, str]:
    """A text as its first sentence and the rest; a full stop within quotation marks ends nothing.

    >>> first_sentence("“v1. short” is better by 2.0 points. Even more.")
    ('“v1. short” is better by 2.0 points.', 'Even more.')
    """
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "“") - (character == "”")
        if depth <= 0 and text[place : place + 2] == ". ":
            return text[: place + 1], text[place + 2 :]
    return text, ""


def noise_sentence(contrast: Mapping[str, Any], unit: Unit) -> str:
    """How much the difference would move if the same models were run again, in one or two sentences."""
    noise = contrast.get("noise") or {}
    width, estimate = noise.get("half_width"), (contrast.get("difference") or {}).get("estimate")
    reason = _clause(noise.get("reason") or "")
    if width is None:
        return f"Run-to-run noise is not known: {reason}." if reason else ""
    if not width:
        why = f": {reason}" if reason else ""
        return f"Running everything again on the same items would not move this difference{why}."
    text = (
        "Running everything again on the same items would move this difference by up to about "
        f"±{points(width, unit, signed=False)}"
    )
    if estimate is not None:
        times = abs(estimate) / width
        ratio = number(times, 1 if times < 10 else 0)
        text += f"; the observed difference is {ratio} times that"
    return f"{text}. {reason[:1].upper()}{reason[1:]}." if reason else f"{text}."


def scores(inference: Mapping[str, Any], cells: Cells, unit: Unit) -> dict[str, Any] | None:
    """Table and dot plot of strict and observed means per cell; None where there are no cells."""
    every = []
    for row in inference.get("conditions", []):
        cell = cells.of(row)
        every.append({**row, **cells.factors(cell), "cell": cell, "label": cells.label(cell)})
    if not every:
        return None
    kept, left = shown(every)
    rows = [
        {
            "cell": row["cell"],
            "label": row["label"],
            **{f: row[f] for f in ("model", "sampling", "condition")},
            "strict": mean(row.get("strict"), unit),
            "observed": mean(row.get("observed"), unit),
            "n_items": row.get("n_items"),
            "replications": row.get("replications"),
            "n_rows": row.get("n_rows"),
        }
        for row in kept
    ]
    methods = sorted(
        {row["strict"]["method"] for row in every if (row.get("strict") or {}).get("method")}
    )
    first = next((row["strict"] for row in every if row.get("strict")), None)
    return {
        "rows": rows,
        "left": left,
        "plot": dots(kept, unit),
        "methods": methods,
        "level": level(first),
        "unit": unit,
    }


def contrasts(inference: Mapping[str, Any], cells: Cells, unit: Unit) -> dict[str, Any] | None:
    """Table of paired contrasts with their sensitivity analyses; None where none was declared."""
    every = inference.get("contrasts") or []
    if not every:
        return None
    kept, left = shown(every)
    return {
        "rows": [_contrast_row(c, cells, unit) for c in kept],
        "left": left,
        "forest": forest([{**c, **cells.arm_names(c)} for c in kept], unit),
        "sensitivity": [s for c in kept if (s := _sensitivity(c, unit))],
        "unit": unit,
    }


def _contrast_row(contrast: Mapping[str, Any], cells: Cells, unit: Unit) -> dict[str, Any]:
    equivalence, detectable = contrast.get("equivalence"), contrast.get("smallest_detectable")
    noise = (contrast.get("noise") or {}).get("half_width")
    interval = contrast.get("difference")
    needed = contrast.get("items_needed")
    return {
        "name": contrast.get("name", ""),
        "primary": contrast.get("primary", True),
        "verdict": contrast.get("verdict") or "NO VERDICT",
        "known": bool(interval and interval.get("estimate") is not None),
        "difference": difference(interval, unit, noun=False),
        "level": level(interval),
        "inner": bounds(equivalence.get("low"), equivalence.get("high"), unit)
        if equivalence
        else "",
        "margin": _plus_minus(contrast.get("margin"), unit),
        "pairs": _pairs({**contrast, **cells.arm_names(contrast)}),
        "noise": _plus_minus(noise, unit),
        "detectable": shown_difference(detectable, unit, signed=False),
        "needed": f"{needed:,}" if needed is not None else NOTHING,
        "of": f"{contrast.get('n_items') or 0:,}",
        "p": p_value(contrast.get("p_value")),
        "p_adjusted": p_value(contrast["p_adjusted"])
        if contrast.get("p_adjusted") not in (None, contrast.get("p_value"))
        else "",
        "test": contrast.get("test") or "",
        "method": (interval or {}).get("method") or "",
    }


def _plus_minus(value: float | None, unit: Unit) -> str:
    return NOTHING if value is None else f"±{shown_difference(value, unit, signed=False)}"


def _pairs(contrast: Mapping[str, Any]) -> str:
    """How single items split: discordant counts where scores are 0 or 1, else wins, ties, losses."""
    a, b = contrast.get("a", "a"), contrast.get("b", "b")
    alone = contrast.get("discordant")
    if alone:
        counts = (alone.get("a_only", 0), alone.get("b_only", 0))
        return f"“{a}” alone right on {counts[0]:,}, “{b}” alone right on {counts[1]:,}"
    if contrast.get("wins") is None:
        return NOTHING
    wins, ties, losses = (contrast.get(k) or 0 for k in ("wins", "ties", "losses"))
    return f"“{a}” higher on {wins:,}, equal on {ties:,}, “{b}” higher on {losses:,}"


def _sensitivity(contrast: Mapping[str, Any], unit: Unit) -> dict[str, Any] | None:
    """The other analyses of a contrast, and in how many of them inference says that the verdict holds."""
    analyses = [s for s in contrast.get("sensitivity") or [] if s.get("difference")]
    if not analyses:
        return None
    word = contrast.get("verdict")
    rows = [
        {
            "name": s.get("name", ""),
            "difference": difference(s["difference"], unit, noun=False),
            "holds": {True: "yes", False: "no"}.get(s.get("holds"), NOTHING),
            "verdict": s.get("verdict") or NOTHING,
        }
        for s in analyses
    ]
    judged = [r for r in rows if r["holds"] != NOTHING]
    held = sum(r["holds"] == "yes" for r in judged)
    others = plural(len(judged), "other analysis", "other analyses")
    sentence = f"“{word}” is also what {held} of {others} would say, each taken by itself."
    return {
        "name": contrast.get("name", ""),
        "verdict": word,
        "rows": rows,
        "sentence": sentence if judged else "",
    }


def _clause(text: str) -> str:
    return text.strip().rstrip(".")
