"""The front of cost and score against its definition and against literal resampling."""

import numpy as np
import pytest

from splitplot.inference.pareto import front, members
from splitplot.inference.resampling import weights
from splitplot.inference.resampling.weights import CHUNK, chunks, stream


def literal_front(cost, score):
    """By definition: nobody is at least as cheap and at least as good, and strictly so in one."""
    m = len(cost)
    return [
        not any(
            cost[k] <= cost[j]
            and score[k] >= score[j]
            and (cost[k] < cost[j] or score[k] > score[j])
            for k in range(m)
        )
        for j in range(m)
    ]


def study(items=120, seed=1):
    random = np.random.default_rng(seed)
    hard = random.random((items, 1))
    scores = (random.random((items, 4)) > hard * [1.2, 0.9, 0.85, 0.5]) * 1.0
    answers = random.integers(1, 4, (items, 4)).astype(float)
    cost = answers * (0.5 + hard) * [1.0, 2.0, 2.2, 9.0]
    return scores, cost, answers


def test_the_front_is_its_definition():
    random = np.random.default_rng(2)
    cost, score = random.integers(0, 5, (2, 200, 6)).astype(float)
    found = members(cost, score)
    for row in range(200):
        assert found[row].tolist() == literal_front(cost[row], score[row])


def test_equals_stand_on_the_front_together_and_one_is_always_on_it():
    assert members(np.array([[1.0, 1.0, 2.0]]), np.array([[0.5, 0.5, 0.5]])).tolist() == [
        [True, True, False]
    ]
    random = np.random.default_rng(3)
    assert members(random.random((300, 5)), random.random((300, 5))).any(axis=1).all()


def test_membership_is_the_share_of_literal_resamplings_on_the_front():
    scores, cost, answers = study()
    found = front(scores, cost, answers, seed=4, draws=400)
    on = np.zeros((400, 4))
    for start, size in chunks(400):
        random = stream(4, weights.BOOTSTRAP, start // CHUNK)
        for draw in range(start, start + size):
            drawn = random.integers(0, 120, 120)
            on[draw] = literal_front(
                cost[drawn].sum(axis=0) / answers[drawn].sum(axis=0), scores[drawn].mean(axis=0)
            )
    assert found.probability == pytest.approx(on.mean(axis=0), abs=1 / 400)
    assert ((found.probability > 0) & (found.probability < 1)).any()


def test_cost_per_answer_is_a_ratio_of_sums():
    scores, cost, answers = study()
    found = front(scores, cost, answers, seed=4, draws=300)
    assert found.cost == pytest.approx(cost.sum(axis=0) / answers.sum(axis=0))
    assert (found.cost_interval[:, 0] < found.cost).all()
    assert (found.cost < found.cost_interval[:, 1]).all()


def test_costs_and_scores_are_drawn_together():
    # Hard items cost more and score less: in a joint draw cheap and good go together.
    hard = np.random.default_rng(5).random((200, 1)) < 0.5
    scores, cost = np.repeat(1.0 - hard, 2, axis=1), np.repeat(1.0 + 9 * hard, 2, axis=1)
    scores[:, 1], cost[:, 1] = 0.0, 5.0
    # Mean cost 10 − 9·score exactly: whenever arm 0 is cheaper than 5 it scores above .555.
    found = front(scores, cost, np.ones_like(cost), seed=1, draws=300)
    assert found.probability[0] == 1.0
    assert 0 < found.probability[1] < 1


def test_fewer_than_50_items_or_clusters_have_a_front_but_no_shares():
    scores, cost, answers = study(items=30)
    found = front(scores, cost, answers, seed=1)
    assert found.probability is None and found.cost_interval is None
    assert "below 50" in found.why_not
    assert found.on_front.tolist() == literal_front(found.cost, found.mean)
    many = study()
    assert front(*many, np.arange(120) % 30, seed=1).probability is None


def test_copies_of_an_arm_share_its_place():
    scores, cost, answers = study()
    both = [np.column_stack([x, x[:, 0]]) for x in (scores, cost, answers)]
    found = front(*both, seed=1, draws=300)
    assert found.probability[0] == found.probability[4]


def test_an_arm_without_a_costed_answer_is_refused():
    scores, cost, answers = study()
    answers[:, 2] = 0
    with pytest.raises(ValueError, match="no answer with a known cost"):
        front(scores, cost, answers, seed=1)
    with pytest.raises(ValueError, match="NaN"):
        front(np.full((60, 2), np.nan), np.ones((60, 2)), np.ones((60, 2)), seed=1)
