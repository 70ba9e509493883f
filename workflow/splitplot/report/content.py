"""What the first screen says, as plain values: the question, the banners and the verdicts."""

from collections.abc import Mapping
from typing import Any

from splitplot.report import ratios
from splitplot.report.cells import Cells
from splitplot.report.wording import (
    LOST,
    OUTCOME_WORDS,
    POINTS,
    RAW,
    Unit,
    bounds,
    level,
    number,
    percent,
    plural,
    points,
    scope,
)

TONES = {
    "BETTER": ("good", "▲"),
    "BETTER, SIZE OPEN": ("good", "△"),
    "NON-INFERIOR": ("good", "≥"),
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
    found = {
        "name": name if name != f"{contrast.get('a')} − {contrast.get('b')}" else "",
        "asks": asks(contrast) or name,
        "word": ratios.shown_word({**contrast, "verdict": word}),
        "effect": "difference",
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
        "more": _more(contrast),
        "noise": noise_sentence(contrast, unit),
        "reasons": list(contrast.get("reasons") or []),
        "refused": word == "NO VERDICT",
        "primary": contrast.get("primary", True),
    }
    return found | (_ratio(contrast) if ratios.is_ratio(contrast) else {})


def _ratio(contrast: Mapping[str, Any]) -> dict[str, Any]:
    """What the box of a ratio has otherwise."""
    ratio, margin = contrast.get("ratio"), contrast.get("margin")
    return {
        "effect": "ratio",
        "value": ratios.times(ratio),
        "ends": ratios.times_ends(ratio),
        "level": level(ratio),
        "margin": f"a saving of {ratios.saving(margin)}" if margin else "none set",
        "known": (ratio or {}).get("estimate") is not None,
        "noise": ratios.noise_sentence(contrast),
    }


def _more(contrast: Mapping[str, Any]) -> list[str]:
    """What limits a verdict: on what it depends, how far it reaches, that it was chosen as the best."""
    found = (
        (contrast.get("conditional") or {}).get("sentence"),
        contrast.get("stops_holding"),
        (contrast.get("selected") or {}).get("sentence"),
    )
    said = contrast.get("sentence") or ""
    return [text for text in found if text and text not in said]


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


def _clause(text: str) -> str:
    return text.strip().rstrip(".")
