"""Scorer `qa_f1`: token overlap with the best gold by the official rule of the item's data set."""

from splitplot.scoring.qa_answer import Options, depends, scorer_by
from splitplot.scoring.qa_rules import best_f1
from splitplot.scoring.score import Scorer

TELLS_ABSTENTIONS = True

__all__ = ["TELLS_ABSTENTIONS", "Options", "build", "depends"]


def build(options: Options) -> Scorer:
    """The scorer: the largest token F1 over the golds, 0 to 1; see `qa_answer`."""
    return scorer_by(best_f1, options)
