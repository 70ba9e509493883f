"""From the text of a response to a score: extraction of the answer, comparison, item-response table."""

from splitplot.scoring.registry import KNOWN, check_scorer, make_scorer, scorer_digest
from splitplot.scoring.score import Score, Scorer, ScoringError

__all__ = [
    "KNOWN",
    "Score",
    "Scorer",
    "ScoringError",
    "check_scorer",
    "make_scorer",
    "scorer_digest",
]
