"""Declared contrasts whose metric is one thing on answerable questions and another on the others."""

from collections.abc import Mapping, Sequence
from typing import Any

from splitplot.inference.answering.answers import EXACT, F1
from splitplot.inference.answering.endpoints import EXACT_MATCH, TOKEN_F1
from splitplot.inference.answering.setting import Setting
from splitplot.inference.asked import FIRST_SCORER
from splitplot.inference.checks import Flag
from splitplot.inference.measures import kinds
from splitplot.inference.wording import POINTS, level_text, quoted

ENDPOINT = {EXACT: EXACT_MATCH, F1: TOKEN_F1}


def mixed(setting: Setting, spoken: Sequence[Mapping[str, Any]]) -> list[Flag]:
    """A flag for every declared contrast by exact match or F1 over questions of both kinds: on unanswerable
    ones these are abstaining, so that a loss on the one kind can hide behind a gain on the other.

    spoken: the entries of the declared contrasts.
    """
    answers = setting.answers
    if answers.answerable is None:
        return []
    known = kinds(setting.data.plan)
    found = []
    for entry in spoken:
        name = setting.data.scorers[0] if entry["metric"] == FIRST_SCORER else entry["metric"]
        if not entry["primary"] or known.get(name) not in ENDPOINT:
            continue
        kept = answers.answerable[answers.positions(setting.data.grid(name).items)]
        if kept.any() and not kept.all():
            found.append(Flag("mixed_questions", entry["name"], _words(setting, entry, name)))
    return found


def _words(setting: Setting, entry: Mapping[str, Any], name: str) -> str:
    said = (
        f"{quoted(name)} is a match with a reference answer where there is one, and abstaining where there "
        "is none: a loss on the one kind of question can hide behind a gain on the other."
    )
    endpoint = ENDPOINT[kinds(setting.data.plan)[name]]
    one, pair = setting.endpoint(endpoint), {entry["a"], entry["b"]}
    if entry["factor"] == "condition" and one is not None and setting.control in pair:
        [condition] = pair - {setting.control}
        gap = setting.gap(one, condition)
        if gap is not None:
            found = gap.difference
            unit = POINTS.fitted(found.estimate, found.low, found.high)
            said += (
                f" On the {gap.n_items:,} answerable questions alone {quoted(condition)} is "
                f"{unit.amount(found.estimate)} against {quoted(setting.control)} "
                f"({level_text(found.level)} interval {unit.limits(found)})."
            )
    return f"{said} Give the scorer `over: answerable`."
