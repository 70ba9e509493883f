"""What `qa_em` and `qa_f1` have in common: the answer, the item's rule, abstentions and refusals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from splitplot.items import qa
from splitplot.items.item import Item
from splitplot.scoring.abstain import reads_for
from splitplot.scoring.markers import first_line, stated_answer
from splitplot.scoring.qa_rules import RULES
from splitplot.scoring.score import Score, Scorer, ScoringError, unparseable
from splitplot.scoring.version import file_digest

Metric = Callable[[str, Sequence[str], str], float]
"""From an answer, the golds and the name of a rule to a score of 0 to 1."""


@dataclass(frozen=True)
class Options:
    """rule: the official rule, "item" for each item's own; extract, first_line: as of `exact`."""

    rule: Literal["item", "squad2", "triviaqa", "nq_open"] = "item"
    extract: Literal["auto", "after", "boxed", "whole"] = "auto"
    first_line: bool = False


def scorer_by(metric: Metric, options: Options) -> Scorer:
    """The scorer: the metric over the golds; on an unanswerable item 1.0 where the response abstains.

    Whether a response abstains is read from all of it, whatever `extract` is, as the other scorers of
    question answering read it: an answer cannot be right by one and an abstention by another.
    """

    def score(response: str, item: Item) -> Score:
        rule = _rule(item, options)
        said = stated_answer(response, "auto").text or None
        reading = reads_for(response, item)
        if reading == "refuses":
            return Score(None, said, "refused", "refused")
        if not qa.is_answerable(item):
            silent = reading == "abstains"
            verb = "abstained" if silent else "answered"
            return Score(float(silent), said, f"{verb}, and the question has no answer")
        if reading == "abstains":
            return Score(None, said, "abstained", "abstained")
        stated = stated_answer(response, options.extract)
        answer = first_line(stated.text) if options.first_line else stated.text
        if not answer:
            return unparseable(stated.reason if stated.start == 0 else "no text")
        return Score(metric(answer, item.targets, rule), answer, f"{stated.reason}, rule {rule}")

    return score


def depends(options: dict[str, Any]) -> str:
    """What else a score depends on, for the digest: the code that tells an item's kind and rule."""
    return file_digest(Path(qa.__file__))


def _rule(item: Item, options: Options) -> str:
    rule = qa.rule_of(item) if options.rule == "item" else options.rule
    if rule not in RULES:
        raise ScoringError(
            f'item "{item.id}": metadata.rule is "{rule}"; '
            f"allowed: {', '.join(RULES)}, or the scorer's option `rule`"
        )
    return rule
