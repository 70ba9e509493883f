"""The evidence of a primary contrast when the study may stop at any look."""

from dataclasses import replace

import numpy as np
import pytest

from splitplot.inference.evidence import Arm, Evidence
from splitplot.inference.mcnemar import mcnemar_exact, tango
from splitplot.inference.noise import RunNoise
from splitplot.inference.sequential.confidence_sequence import confidence_sequence
from splitplot.inference.sequential.eprocess import kt_log_e
from splitplot.inference.sequential.peeking import under_peeking
from splitplot.inference.verdict import speak

B, C, N = 60, 20, 300


@pytest.fixture
def scores():
    a, b = np.zeros(N), np.zeros(N)
    a[:B], b[B : B + C] = 1, 1
    return a, b


@pytest.fixture
def fixed(scores):
    a, b = scores
    return Evidence(
        a=Arm("new", float(a.mean()), 0.0, 0.0),
        b=Arm("old", float(b.mean()), 0.0, 0.0),
        difference=tango(B, C, N),
        equivalence=tango(B, C, N, 0.9),
        margin=0.01,
        margin_is_default=False,
        scope="items",
        alpha=0.05,
        bounded=True,
        binary=True,
        clustered=False,
        n_items=N,
        n_union=N,
        n_clusters=N,
        wins=B,
        losses=C,
        noise=RunNoise(None, None, "one replication"),
        p_value=mcnemar_exact(B, C),
        smallest_detectable=0.08,
        items_needed=5000,
    )


def test_interval_and_p_value_are_those_that_hold_at_every_look(fixed, scores):
    valid, rival = under_peeking(fixed, *scores, family=1)
    assert valid.difference == confidence_sequence(scores[0] - scores[1], 0.95)
    assert valid.equivalence == valid.difference
    assert valid.p_value == pytest.approx(np.exp(-kt_log_e(B, C)))
    assert valid.anytime
    assert (valid.smallest_detectable, valid.items_needed) == (None, None)
    assert (rival.difference, rival.equivalence) == (fixed.difference, fixed.equivalence)


def test_it_is_wider_than_the_interval_of_one_look_and_several_contrasts_share_alpha(fixed, scores):
    one, _ = under_peeking(fixed, *scores, family=1)
    four, _ = under_peeking(fixed, *scores, family=4)
    assert four.difference.level == 1 - 0.05 / 4
    assert four.difference.low < one.difference.low < fixed.difference.low
    assert four.difference.high > one.difference.high > fixed.difference.high


def test_the_verdict_agrees_with_the_stopping_rule(fixed, scores):
    valid, _ = under_peeking(fixed, *scores, family=1)
    assert valid.difference.low > valid.margin
    assert speak(valid).word == "BETTER"


@pytest.mark.parametrize("odd", [{"bounded": False}, {"clustered": True}, {"n_items": 0}])
def test_where_no_confidence_sequence_exists_the_evidence_stays_as_it_is(fixed, scores, odd):
    e = replace(fixed, **odd)
    assert under_peeking(e, *scores, family=1) == (e, None)
