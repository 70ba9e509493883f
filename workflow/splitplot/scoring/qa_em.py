"""Scorer `qa_em`: exact match by the official rule of the item's data set."""

from splitplot.scoring.qa_answer import Options, depends, scorer_by
from splitplot.scoring.qa_rules import exact_match
from splitplot.scoring.score import Scorer

TELLS_ABSTENTIONS = True

__all__ = ["TELLS_ABSTENTIONS", "Options", "build", "depends"]


def build(options: Options) -> Scorer:
    """The scorer: 1.0 where the answer equals any gold by the rule, else 0.0; see `qa_answer`."""
    return scorer_by(exact_match, options)
