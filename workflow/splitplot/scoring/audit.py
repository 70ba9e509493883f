"""The detector of abstentions and refusals on answers labelled by hand: how they are labelled, how read.

Limits of precision and recall are made of these counts in `inference.chapters.audit`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitplot.errors import ConfigError, near_miss
from splitplot.files import file_sha256
from splitplot.items.local import existing_file, jsonl_rows

LABELS = ("answers", "abstains", "refuses")
"""What a response does: it gives an answer, it declines for want of knowledge, it declines the request."""

NEEDED = ("answers", "abstains")
"""Labels without which neither precision nor recall of abstentions can be told."""

SHIPPED = Path(__file__).resolve().parent / "labelled" / "answers.jsonl"
SHIPPED_LABEL = "workflow/splitplot/scoring/labelled/answers.jsonl"
"""The project's own set, and its name in files and reports."""

READING = ("abstention", "no_false_answer", "qa_em", "qa_f1", "supported")
"""Scorers whose score depends on whether a response abstains; others do with the option `abstain`."""

_KEYS = ("id", "text", "label", "condition", "note")
_REQUIRED = ("id", "text", "label")


@dataclass(frozen=True)
class Labelled:
    """One answer and what a person says that it does. condition: of the study, whose answer it is; "" where
    that is not said. note: for people, e.g. the question."""

    id: str
    text: str
    label: str
    condition: str = ""
    note: str = ""


def is_audited(plan: Mapping[str, Any]) -> bool:
    """Whether any score of the plan depends on the detector."""
    return any(
        reads_abstentions(str(scorer.get("scorer")), scorer.get("options") or {})
        for scorer in plan["scorers"]
    )


def reads_abstentions(scorer: str, options: Mapping[str, Any]) -> bool:
    """Whether what a scorer says depends on whether a response abstains."""
    return scorer in READING or options.get("abstain") is True


def audit(path: Path, label: str, conditions: Sequence[str] | None = None) -> dict[str, Any]:
    """What the detector reads in the answers of a file, against their labels.

    path: JSON lines {"id", "text", "label", "condition"?, "note"?}; label: the name of the file in messages;
    conditions: as in `read_labelled`. Returns {"path", "sha256", "n", "labels": {label: n}, "confusion":
    {label: {read: n}}, "by_condition": {condition: {label: {read: n}}} of the lines that name one,
    "wrong": [{"id", "text", "label", "read"}]}, in the order of the file. Raises ConfigError, as
    `read_labelled` does.
    """
    from splitplot.scoring.abstain import reads

    lines = read_labelled(path, label, conditions)
    confusion, of_arm = _none_read(), dict[str, dict[str, dict[str, int]]]()
    wrong = []
    for line in lines:
        read = reads(line.text)
        confusion[line.label][read] += 1
        if line.condition:
            of_arm.setdefault(line.condition, _none_read())[line.label][read] += 1
        if read != line.label:
            wrong.append({"id": line.id, "text": line.text, "label": line.label, "read": read})
    return {
        "path": label,
        "sha256": file_sha256(path),
        "n": len(lines),
        "labels": {name: sum(confusion[name].values()) for name in LABELS},
        "confusion": confusion,
        "by_condition": of_arm,
        "wrong": wrong,
    }


def _none_read() -> dict[str, dict[str, int]]:
    return {name: dict.fromkeys(LABELS, 0) for name in LABELS}


def read_own(
    labels: Mapping[str, Any], root: Path, conditions: Sequence[str] | None = None
) -> dict[str, Any]:
    """`audit` of a study's own answers, `labels` of its plan; `root`: the workflow root.

    "file" of the labels, which no plan on disk has, is where they lie now, instead of their "path".
    conditions: as in `read_labelled`. Raises ConfigError where the file is no longer the one of the plan.
    """
    name = str(labels["path"])
    found = audit(existing_file(str(labels.get("file", name)), root), name, conditions)
    if found["sha256"] != labels["sha256"]:
        raise ConfigError(f"{name}: has changed since the run began; run again")
    return found


def read_labelled(
    path: Path, label: str, conditions: Sequence[str] | None = None
) -> list[Labelled]:
    """The lines of a file of labelled answers.

    conditions: the names of the study's, None where any may be named. Raises ConfigError with file and line
    for a key, label or condition that is unknown, what is missing, an empty text, an id that is taken, and a
    text that is labelled in two ways; with the file where it has no line
    with one of the labels that are needed.
    """
    ids: dict[str, str] = {}
    texts: dict[str, tuple[str, str]] = {}
    lines: list[Labelled] = []
    for where, row in jsonl_rows(path, label):
        line = _line(row, where, conditions)
        if line.id in ids:
            raise ConfigError(f'{where}: id "{line.id}" stands in {ids[line.id]} already')
        ids[line.id] = where
        other, place = texts.setdefault(line.text, (line.label, where))
        if other != line.label:
            raise ConfigError(
                f'{where}: "{line.label}" for a text that is labelled "{other}" in {place}; '
                "one text can have one label"
            )
        lines.append(line)
    present = {line.label for line in lines}
    lacking = [name for name in NEEDED if name not in present]
    if lacking:
        raise ConfigError(
            f"{label}: no answer is labelled {' or '.join(lacking)}; at least one each is needed of "
            f"{', '.join(NEEDED)}"
        )
    return lines


def _line(row: Mapping[str, Any], where: str, conditions: Sequence[str] | None) -> Labelled:
    for key in row:
        if key not in _KEYS:
            raise ConfigError(f'{where}: unknown key "{key}"{near_miss(key, list(_KEYS))}')
    for key in _KEYS:
        value = row.get(key, None if key in _REQUIRED else "")
        if not isinstance(value, str) or (key in _REQUIRED and not value.strip()):
            said = f"is {value!r:.60}" if key in row else "is missing"
            raise ConfigError(
                f'{where}: "{key}" {said}; it must be a text{" with something in it" * (key in _REQUIRED)}'
            )
    if row["label"] not in LABELS:
        raise ConfigError(
            f'{where}: unknown label "{row["label"]}"{near_miss(row["label"], list(LABELS))}'
        )
    arm = row.get("condition", "")
    if "condition" in row and not arm.strip():
        raise ConfigError(f'{where}: "condition" is empty; name a condition, or leave the key out')
    if arm and conditions is not None and arm not in conditions:
        raise ConfigError(f'{where}: unknown condition "{arm}"{near_miss(arm, list(conditions))}')
    return Labelled(**row)
