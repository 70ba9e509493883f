"""How well abstentions and refusals were told from answers: precision and recall on labelled answers, and how
often declining was taken for answering.

The project's own set is tried in every study whose scores depend on it, beside the study's own labels.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from splitplot.inference.checks import Flag
from splitplot.inference.data import StudyData
from splitplot.inference.intervals import wilson
from splitplot.inference.rogan_gladen import Reading
from splitplot.inference.wording import level_text, percent, quoted
from splitplot.scoring.audit import SHIPPED, SHIPPED_LABEL, audit, is_audited, read_own

LEVEL = 0.95
KINDS = {"abstention": "abstains", "refusal": "refuses"}
"""Key of the audit → the label that is looked for."""

ANSWERS = "answers"
OWN = "labelled answers of the study's own"

TRUSTED = 0.9
"""Where the labels do not show that this share of the texts is read rightly, the report says so."""

ERRORS = {
    "declines_read_as_answers": "of the texts that decline {} were read as answers",
    "answers_read_as_declines": "of those that answer {} as declining",
}
"""Both ways in which an answer is told from none wrongly. An abstention that is read as a refusal is no
error of this kind: neither is a false answer."""


def chapter(data: StudyData) -> tuple[dict[str, Any] | None, list[Flag]]:
    """The `audit` of inference.json; None where no score depends on the detector."""
    if not is_audited(data.plan):
        return None, []
    found = audits_of(data.plan)
    return found, _flags(found["own"])


def audits_of(plan: Mapping[str, Any]) -> dict[str, Any]:
    """`audits` of a plan, its labels relative to the working directory."""
    return audits(plan.get("labels"), Path(), conditions_of(plan))


def conditions_of(plan: Mapping[str, Any]) -> list[str]:
    """The names of the plan's conditions, which labelled answers may be of."""
    return [str(condition["name"]) for condition in plan.get("conditions") or []]


def audits(
    labels: Mapping[str, Any] | None, root: Path, conditions: Sequence[str] | None = None
) -> dict[str, Any]:
    """The detector on the shipped answers, and on those of a study's plan where it has some.

    labels: {"path", "sha256"} of the plan, relative to `root`. conditions: the names that a line may have,
    None for any. Raises ConfigError for a file that is not right, or not the plan's.
    """
    return {
        "shipped": deepcopy(_shipped()),
        "own": None if labels is None else rated(read_own(labels, root, conditions), OWN),
    }


@cache
def _shipped() -> dict[str, Any]:
    return rated(audit(SHIPPED, SHIPPED_LABEL), "hand-written answers")


def rated(found: Mapping[str, Any], noun: str) -> dict[str, Any]:
    """The counts of `scoring.audit`, with precision and recall of abstentions and of refusals, how often
    declining was taken for answering and the other way round, and in words.

    precision: of the texts read as such, the share that is labelled so; recall: of those labelled so,
    the share that is read so; None where there are no such texts. Limits are Wilson's at 95%: as if each
    text were drawn independently.
    """
    confusion = found["confusion"]
    rates: dict[str, dict[str, Any]] = {}
    for kind, label in KINDS.items():
        both = confusion[label][label]
        read = sum(row[label] for row in confusion.values())
        labelled = sum(confusion[label].values())
        rates[kind] = {"precision": _share(both, read), "recall": _share(both, labelled)}
    arms = [
        {"condition": name, "confusion": rows, **errors(rows)}
        for name, rows in (found.get("by_condition") or {}).items()
    ]
    more = {
        "declining": errors(confusion),
        "by_condition": arms,
        "wrong": found["wrong"],
        "sentence": _sentence(found, rates, noun),
    }
    kept = {key: value for key, value in found.items() if key not in ("wrong", "by_condition")}
    return kept | rates | more


def reading_of(confusion: Mapping[str, Mapping[str, int]]) -> Reading:
    """The counts with abstaining and refusing as one, which is declining."""
    declined = [row for label, row in confusion.items() if label != ANSWERS]
    declining = sum(sum(row.values()) for row in declined)
    answering = confusion[ANSWERS]
    return Reading(
        sum(answering.values()),
        answering[ANSWERS],
        declining,
        declining - sum(row[ANSWERS] for row in declined),
    )


def errors(confusion: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, Any] | None]:
    """The shares of ERRORS with Wilson's limits; None where there are no such texts."""
    read = reading_of(confusion)
    return {
        "declines_read_as_answers": _share(read.declines - read.declines_right, read.declines),
        "answers_read_as_declines": _share(read.answers - read.answers_right, read.answers),
    }


def errors_in_words(shares: Mapping[str, Any]) -> str:
    """Both shares with their limits, in a clause each; those without texts are left out."""
    clauses = []
    for key, clause in ERRORS.items():
        if shares[key]:
            share, limits = _words(shares[key])
            clauses.append(f"{clause.format(share)} ({limits})")
    return ", and ".join(clauses)


def _share(part: int, whole: int) -> dict[str, Any] | None:
    return wilson(part, whole, LEVEL).to_json() if whole else None


def _sentence(found: Mapping[str, Any], rates: Mapping[str, Any], noun: str) -> str:
    said = [f"The detector of abstentions was tried on {found['n']:,} {noun}"]
    for kind, rate in rates.items():
        clauses = []
        if rate["precision"]:
            share, limits = _words(rate["precision"])
            clauses.append(f"of those that it read as {kind}s {share} were (precision, {limits})")
        if rate["recall"]:
            share, limits = _words(rate["recall"])
            clauses.append(f"of the {kind}s it found {share} (recall, {limits})")
        if clauses:
            said.append(", and ".join(clauses))
    return ": ".join((said[0], "; ".join(said[1:]))) + "."


def _words(rate: Mapping[str, Any]) -> tuple[str, str]:
    """A share, and its interval."""
    limits = f"{percent(rate['low'])} to {percent(rate['high'])}"
    return percent(rate["estimate"]), f"{level_text(rate['level'])} interval {limits}"


def _flags(own: Mapping[str, Any] | None) -> list[Flag]:
    """A flag where the study's own labels, all of them or those of a condition, leave it possible that more
    than 1 − TRUSTED of the texts of a kind are read wrongly: by the upper limit."""
    if own is None:
        return []
    sets = [("", own["declining"])]
    sets += [(f" of {quoted(arm['condition'])}", arm) for arm in own["by_condition"]]
    doubtful = [
        f"{errors_in_words(shares)}{of}"
        for of, shares in sets
        if any(shares[key] and shares[key]["high"] > 1 - TRUSTED for key in ERRORS)
    ]
    if not doubtful:
        return []
    return [
        Flag(
            "detector_misreads",
            "study",
            f"The study's own labelled answers do not show that {TRUSTED:.0%} or more of what declines and "
            f"of what answers is read so: {'; '.join(doubtful)}. Rates of abstentions and of false answers "
            "are off by what was misread.",
        )
    ]
