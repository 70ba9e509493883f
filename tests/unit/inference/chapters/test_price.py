"""The price of an avoided false answer: of which mix of questions it is, when it is free, its limits."""

import numpy as np
import pytest

RIGHT = ("right", "right")
GAIN, SAME_FALSE, SAME_HELD = (
    ("false_answer", "held_back"),
    ("false_answer", "false_answer"),
    ("held_back", "held_back"),
)


def price_of(summary, rows):
    return summary(rows)["answering"]["price"][0]


def test_the_price_is_that_of_the_studys_own_mix_and_the_formula_gives_others(summary, pairs):
    """Answerable questions cost 0.002 dollars more each, unanswerable ones 0.3 thousandths less."""
    rows = pairs((RIGHT, 300), usd=(0.001, 0.003)) + pairs((GAIN, 30), usd=(0.002, 0.001))
    rows += pairs((SAME_FALSE, 30), usd=(0.002, 0.002)) + pairs((SAME_HELD, 40), usd=(0.001, 0.001))
    price = price_of(summary, rows)
    assert price["share_unanswerable"] == pytest.approx(0.25)
    assert price["extra_usd_per_1000_answerable"] == pytest.approx(2.0)
    assert price["extra_usd_per_1000_unanswerable"] == pytest.approx(-0.3)
    assert price["avoided_per_1000"] == pytest.approx(300)
    spent = 300 * 0.002 - 30 * 0.001  # all that the study cost more, for 30 false answers fewer
    assert price["usd_per_avoided"]["estimate"] == pytest.approx(spent / 30)
    assert price["extra_usd_per_1000"] == pytest.approx(1000 * spent / 400)
    said = price["sentence"]
    assert "In a mix like this study's, 25.0% of it unanswerable," in said
    assert "(u × −$0.300 + (1 − u) × $2.00) / (u × 300)" in said
    u, x_u, x_a = (price[k] for k in ("share_unanswerable", "extra_usd_per_1000_unanswerable",
                                      "extra_usd_per_1000_answerable"))  # fmt: skip
    assert (u * x_u + (1 - u) * x_a) / (u * 300) == pytest.approx(spent / 30)
    assert "were unanswerable" not in said


def noisy(answer, seed, extra, *, sd=0.004, counts=((RIGHT, 60), (GAIN, 30), (SAME_HELD, 30))):
    """Rows whose dollars vary from answer to answer."""
    random, rows, number = np.random.default_rng(seed), [], 0
    for pair, count in counts:
        for _ in range(count):
            for arm, happened, mean in zip(
                ("control", "treatment"), pair, (0.01, 0.01 + extra), strict=True
            ):
                usd = float(random.normal(mean, sd))
                rows += answer(arm, f"i{number:03}", happened, usd=usd)
            number += 1
    return rows


@pytest.mark.long
def test_free_is_only_said_where_the_upper_limit_is_not_above_nothing(summary, answer):
    """The extra dollars have the interval of a stratified mean, by hand, and words go by its upper limit."""
    from scipy.stats import t

    said = set()
    for seed in range(8):
        rows = noisy(answer, seed, 0.0)
        price = price_of(summary, rows)
        gaps = {True: [], False: []}
        usd = {(r["condition_id"], r["item_id"]): r["usd"] for r in rows}
        graded = {r["item_id"] for r in rows if r["scorer"] == "honest"}
        for item in sorted({r["item_id"] for r in rows}):
            gaps[item in graded].append(usd["treatment--1", item] - usd["control--1", item])
        mean = sum(0.5 * np.mean(kind) for kind in gaps.values())
        se = np.sqrt(sum(0.25 * np.var(kind, ddof=1) / len(kind) for kind in gaps.values()))
        interval = price["extra_usd_interval"]
        assert interval["estimate"] == pytest.approx(1000 * mean)
        assert interval["high"] == pytest.approx(1000 * (mean + t.ppf(0.975, 59) * se))
        free = "avoiding them is free" in price["sentence"]
        assert free == (interval["high"] <= 0)
        if mean <= 0 and not free:
            said.add("open")
            assert price["usd_per_avoided"] is None
            assert price["reason"] == "whether it costs anything more is open"
            assert "may cost nothing more" in price["sentence"]
            assert "or up to $" in price["sentence"]
        if mean > 0:
            said.add("price")
            assert price["usd_per_avoided"]["low"] == 0 or interval["low"] > 0
    assert said == {"open", "price"}


def test_what_certainly_costs_less_is_free(summary, answer):
    price = price_of(summary, noisy(answer, 1, -0.005))
    assert price["reason"] == "it costs nothing more"
    assert "avoiding them is free" in price["sentence"]


def test_where_every_item_gains_the_denominator_has_its_exact_bound(summary, pairs):
    """Sixty of sixty: at 97.5% a share of at most 1 − .0125^(1/60) goes otherwise, as far as −1."""
    price = price_of(summary, pairs((RIGHT, 40), (GAIN, 60)))
    found, least = price["usd_per_avoided"], 1 - 2 * (1 - 0.0125 ** (1 / 60))
    assert found["method"] == "ratio of bounds"
    assert found["estimate"] == pytest.approx(0.0005 / 0.6)
    assert found["low"] == pytest.approx(0.0005 / 0.6)  # a share of false answers is 1 at most
    assert found["high"] == pytest.approx(0.0005 / (0.6 * least))


def test_a_gain_that_is_barely_found_has_a_price_that_is_said_to_be_low(summary, pairs):
    barely = price_of(summary, pairs((RIGHT, 50), (GAIN, 7), (SAME_HELD, 93)))
    assert barely["usd_per_avoided"] is not None
    assert "such a price is usually too low" in barely["sentence"]
    clear = price_of(summary, pairs((RIGHT, 50), (GAIN, 40), (SAME_HELD, 60)))
    assert "usually too low" not in clear["sentence"]


def test_a_study_of_unanswerable_questions_alone_has_their_price(summary, pairs):
    price = price_of(summary, pairs((GAIN, 30), (SAME_HELD, 30)))
    assert price["share_unanswerable"] == 1
    assert price["usd_per_avoided"]["estimate"] == pytest.approx(0.0005 / 0.5)
    assert price["extra_usd_per_1000_answerable"] is None
