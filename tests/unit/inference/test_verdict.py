"""Words and sentences of a verdict, from the specification's table and from its refusals."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitplot.inference.checks import flags, refusals
from splitplot.inference.evidence import FIXED, LOST, TRUNCATED, Arm, Evidence, Rival
from splitplot.inference.intervals import Interval
from splitplot.inference.noise import RunNoise
from splitplot.inference.verdict import decide, speak

OPPOSITE = {
    "BETTER": "WORSE",
    "BETTER, SIZE OPEN": "WORSE, SIZE OPEN",
    "WORSE": "BETTER",
    "WORSE, SIZE OPEN": "BETTER, SIZE OPEN",
    "EQUIVALENT": "EQUIVALENT",
}


def interval(low, high, level=0.95):
    return Interval((low + high) / 2, low, high, level, "t over items", (high - low) / 4, 199.0)


def inner(low, high):
    """The 90 % interval that goes with a 95 % one, symmetric about the same centre."""
    shrink = (high - low) / 2 * (1 - 1.645 / 1.96)
    return interval(low + shrink, high - shrink, 0.9)


def evidence(low, high, **other):
    return Evidence(
        **{
            "a": Arm("standard", 0.6, 0.0, 0.0),
            "b": Arm("minimal", 0.5, 0.0, 0.0),
            "difference": interval(low, high),
            "equivalence": inner(low, high),
            "margin": 0.02,
            "margin_is_default": False,
            "scope": "items",
            "alpha": 0.05,
            "bounded": True,
            "binary": True,
            "clustered": False,
            "n_items": 200,
            "n_union": 200,
            "n_clusters": 200,
            "wins": 40,
            "losses": 20,
            "noise": RunNoise(None, None, "only one"),
            "p_value": 0.0131,
        }
        | other
    )


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.03, 0.09, "BETTER"),
        (0.005, 0.06, "BETTER, SIZE OPEN"),
        (-0.01, 0.01, "EQUIVALENT"),
        (0.002, 0.018, "EQUIVALENT"),
        (-0.05, 0.06, "NOT SETTLED"),
        (-0.01, 0.06, "NOT SETTLED"),
        (-0.06, 0.01, "NOT BETTER BY MARGIN"),
        (-0.06, -0.005, "WORSE, SIZE OPEN"),
        (-0.09, -0.03, "WORSE"),
    ],
)
def test_word_follows_the_table(low, high, word):
    assert decide(interval(low, high), inner(low, high), 0.02) == word
    assert speak(evidence(low, high)).word == word


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.2), st.sampled_from([0.0, 0.01, 0.05]))
def test_swapping_the_arms_turns_the_word_around(centre, half, margin):
    low, high = centre - half, centre + half
    word = decide(interval(low, high), inner(low, high), margin)
    turned = decide(interval(-high, -low), inner(-high, -low), margin)
    assert turned == OPPOSITE.get(word, turned)
    assert (word in OPPOSITE) == (turned in OPPOSITE)


def test_better_says_points_direction_margin_and_p_last():
    assert speak(evidence(0.031, 0.094)).sentence == (
        "“standard” is better than “minimal” by 3.1 to 9.4 points on questions like these. Even 3.1 points "
        "would be more than the 2.0 points that you set. (p = 0.013 against a true gap of 0)"
    )


def test_larger_than_noise_is_said_only_where_noise_is_known_and_smaller():
    def said(half_width):
        return speak(evidence(0.03, 0.09, noise=RunNoise(0.01, half_width, None))).sentence

    assert "more than the 2.0 points that you set and more than run-to-run noise" in said(0.02)
    assert "run-to-run noise" not in said(0.04)


def test_worse_is_better_for_the_other():
    sentence = speak(evidence(-0.094, -0.031)).sentence
    assert sentence.startswith("“minimal” is better than “standard” by 3.1 to 9.4 points")


def test_size_open_names_the_margin_that_matters():
    sentence = speak(evidence(0.005, 0.06)).sentence
    assert "“standard” is better than “minimal” by 0.5 to 6.0 points" in sentence
    assert "perhaps by less than the 2.0 points that you said matter" in sentence
    default = speak(evidence(0.005, 0.06, margin=0.01, margin_is_default=True)).sentence
    assert "less than the default margin of 1.0 points" in default


def test_equivalent_says_same_within_or_reliably_better_by_too_little():
    assert "are the same within 2.0 points" in speak(evidence(-0.01, 0.01)).sentence
    small = speak(evidence(0.002, 0.018)).sentence
    assert small.startswith("“standard” is reliably better than “minimal”")
    assert "by too little to matter" in small
    turned = speak(evidence(-0.018, -0.002)).sentence
    assert turned.startswith("“minimal” is reliably better than “standard”")


def test_reliably_better_is_a_direction_and_must_hold_after_holm():
    verdict = speak(evidence(0.002, 0.018, p_adjusted=0.2, family=5))
    assert verdict.word == "EQUIVALENT"
    assert "reliably" not in verdict.sentence


def test_not_settled_says_the_gap_what_could_be_seen_and_how_many_items_would_settle():
    sentence = speak(
        evidence(-0.05, 0.06, smallest_detectable=0.078, items_needed=3101, p_value=0.86)
    ).sentence
    assert sentence == (
        "The data cannot tell “standard” from “minimal” on questions like these. The observed gap, "
        "0.5 points in favour of “standard”, is within noise: “standard” may be anything from 5.0 points "
        "worse to 6.0 better. This study could reliably see only gaps above 7.8 points. About 3,000 more "
        "items like these would show a gap of 2.0 points 8 times in 10. (p = 0.86 against a true gap of 0)"
    )


def test_not_settled_says_so_when_the_other_arm_is_at_least_not_better_by_the_margin():
    assert (
        "“minimal” does not beat “standard” by 2.0 points or more"
        in speak(evidence(-0.01, 0.06)).sentence
    )


def test_not_better_by_margin_says_it():
    assert speak(evidence(-0.06, 0.01)).sentence.startswith(
        "“standard” does not beat “minimal” by 2.0 points or more on questions like these: it is anything "
        "from 6.0 points worse to 1.0 better."
    )


def test_a_limit_that_is_not_zero_never_reads_as_zero_and_all_numbers_get_its_decimals():
    sentence = speak(evidence(0.0003, 0.06)).sentence
    assert "by 0.03 to 6.00 points" in sentence
    assert "2.00 points" in sentence


def test_the_sentence_says_over_what_the_arms_are_averaged():
    sentence = speak(evidence(0.03, 0.09, averaged_over="2 samplings")).sentence
    assert "on questions like these, averaged over 2 samplings." in sentence


def test_answers_that_never_vary_leave_nothing_uncertain_about_exactly_these_items():
    still = {"scope": FIXED, "noise": RunNoise(0.0, 0.0, "same"), "p_value": None}
    verdict = speak(evidence(0.04, 0.04, **still))
    assert verdict.word == "BETTER"
    assert "scores 4.0 points higher than “minimal” on exactly these questions" in verdict.sentence
    assert "the same in every run" in verdict.sentence
    assert "score the same" in speak(evidence(0.0, 0.0, **still)).sentence


@given(
    st.floats(-0.3, 0.3),
    st.floats(0.001, 0.3),
    st.sampled_from([0.0, 0.01, 0.05]),
    st.booleans(),
    st.booleans(),
)
def test_no_sentence_uses_forbidden_words_and_p_never_stands_without_an_interval(
    centre, half, margin, bounded, simulated
):
    e = evidence(centre - half, centre + half, margin=margin, bounded=bounded, simulated=simulated)
    verdict = speak(e)
    text = verdict.sentence + " ".join(verdict.reasons)
    assert not re.search(
        r"no difference|significan|\*|\bnan\b|\binf\b|−0\.0+\b", text, re.IGNORECASE
    )
    assert "standard" in verdict.sentence
    assert "minimal" in verdict.sentence
    assert verdict.sentence.endswith("(p = 0.013 against a true gap of 0)")
    assert ("points" in text) == bounded
    assert verdict.sentence.startswith("[Simulated answers]") == simulated


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_items": 12, "n_union": 12, "wins": 4, "losses": 1}, "only 12 items answered by both"),
        ({"n_items": 60, "n_union": 200}, "only 60 of 200 items"),
        ({"clustered": True, "n_clusters": 4}, "from 4 clusters, at least 5"),
        ({"a": Arm("standard", 0.6, 0.21, 0.0)}, "21.0% of the answers of “standard” were lost"),
        ({"margin": 5.0}, "no less than the whole scale of the scores"),
        ({"scope": "planets"}, 'the scope "planets" is not known'),
        (
            {"scope": "prompts", "difference": None, "missing_interval": "only 2 prompts"},
            "only 2 prompts",
        ),
        ({"scope": FIXED}, "run-to-run noise, which is not known"),
        (
            {"difference": None, "missing_interval": "no cell has a partner"},
            "no cell has a partner",
        ),
    ],
)
def test_refusals_give_no_verdict_with_the_reason(change, said):
    verdict = speak(evidence(0.03, 0.09, **change))
    assert verdict.word == "NO VERDICT"
    assert said in verdict.sentence
    assert "p =" not in verdict.sentence


def test_a_sign_that_turns_makes_the_verdict_conditional_without_a_p_value_of_the_average():
    said = "It depends on the condition: better with “direct”, worse with “steps”."
    verdict = speak(evidence(0.03, 0.09, conditional=said))
    assert verdict.word == "CONDITIONAL"
    assert verdict.sentence == said
    cut = speak(evidence(0.03, 0.09, conditional=said, rivals=(otherwise(-0.05, 0.02),), **CUT))
    assert cut.word == "CONDITIONAL"
    assert "higher max_tokens" in cut.sentence
    assert speak(evidence(0.03, 0.09, n_items=12, conditional=said)).word == "NO VERDICT"


def limits(low, high, level=0.99):
    return Interval((low + high) / 2, low, high, level, "t over items")


def test_among_several_comparisons_a_size_needs_intervals_that_hold_for_all_of_them():
    family = {"family": 5, "p_adjusted": 0.001, "p_value": 0.0002, "margin": 0.02}
    wide = (limits(0.01, 0.11), limits(0.015, 0.105))
    alone = speak(evidence(0.03, 0.09, **family))
    together = speak(evidence(0.03, 0.09, together=wide, **family))
    assert (alone.word, together.word) == ("BETTER", "BETTER, SIZE OPEN")
    assert "1.0 to 11.0" in together.sentence
    assert "Among 5 comparisons a size is only claimed" in together.reasons[-1]


def test_among_several_comparisons_equivalence_needs_them_too():
    family = {"family": 5, "p_adjusted": 1.0, "p_value": 0.9, "margin": 0.02}
    alone = speak(evidence(-0.015, 0.015, **family))
    wide = (limits(-0.025, 0.025), limits(-0.022, 0.022))
    assert alone.word == "EQUIVALENT"
    assert speak(evidence(-0.015, 0.015, together=wide, **family)).word == "NOT SETTLED"


def test_few_clusters_and_many_comparisons_are_not_put_down_to_chance():
    among = speak(
        evidence(
            0.78, 0.97, clustered=True, n_clusters=6, family=2, p_value=0.031, p_adjusted=0.0625
        )
    )
    assert among.word == "NOT SETTLED"
    assert "with 6 clusters and 2 comparisons the permutation test cannot confirm" in among.sentence
    assert "by chance" not in among.sentence


def test_arms_that_differ_in_two_things_at_once_are_refused():
    refused = speak(evidence(0.03, 0.09, confounded="model and sampling"))
    assert refused.word == "NO VERDICT"
    assert "differ in model and sampling at once" in refused.sentence


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("prompts", "on questions and prompts like these"),
        ("datasets", "on datasets like these"),
    ],
)
def test_a_wider_scope_is_named_in_the_sentence(scope, said):
    assert said in speak(evidence(0.03, 0.09, scope=scope)).sentence
    open_one = speak(evidence(-0.05, 0.09, scope=scope)).sentence
    assert f"More {scope} would narrow this." in open_one
    assert "more items" not in open_one


def test_too_few_items_prints_counts_with_an_exact_interval():
    # Clopper-Pearson of 4 in 5, as printed in tables: 28.4 % to 99.5 %.
    text = speak(evidence(0.03, 0.09, n_items=12, n_union=12, wins=4, losses=1)).sentence
    assert "“standard” alone right on 4, “minimal” alone right on 1" in text
    assert "28.4% to 99.5%" in text


def test_exactly_at_the_limits_a_verdict_is_spoken():
    at_limits = evidence(
        0.03,
        0.09,
        n_items=20,
        n_union=40,
        clustered=True,
        n_clusters=5,
        a=Arm("standard", 0.6, 0.20, 0.0),
    )
    assert refusals(at_limits) == []


def test_few_clusters_do_not_bar_a_claim_about_exactly_these_items():
    e = evidence(
        0.03, 0.09, scope=FIXED, clustered=True, n_clusters=3, noise=RunNoise(0.01, 0.02, None)
    )
    assert speak(e).sentence.startswith(
        "“standard” is better than “minimal” by 3.0 to 9.0 points on exactly these"
    )


def otherwise(low, high, about=TRUNCATED, supposing="with cut-off answers left out"):
    return Rival("another analysis", interval(low, high), inner(low, high), about, supposing)


CUT = {"a": Arm("direct", 0.6, 0.03, 0.021), "b": Arm("steps", 0.5, 0.12, 0.308)}


def test_an_analysis_that_disagrees_is_named_with_its_numbers_and_more_items_are_not_promised():
    e = evidence(
        0.05, 0.2, rivals=(otherwise(-0.052, 0.154),), margin=0.05, items_needed=500, **CUT
    )
    verdict = speak(e)
    assert verdict.word == "NOT SETTLED"
    assert verdict.sentence == (
        "The verdict on “direct” against “steps” on questions like these depends on how answers cut off at "
        "the token limit are counted. “direct” scored 12.5 points higher (95% interval 5.0 to 20.0) with "
        "cut-off answers counted as wrong, but 5.1 points higher (−5.2 to 15.4) with cut-off answers left "
        "out. 30.8% of the answers of “steps” and 2.1% of those of “direct” were cut off; a higher "
        "max_tokens would remove this doubt. (p = 0.013 against a true gap of 0, with cut-off answers "
        "counted as wrong)"
    )
    assert [reason.split(";")[-1] for reason in verdict.reasons[:2]] == [
        " by itself BETTER, SIZE OPEN.",
        " by itself NOT SETTLED.",
    ]


def test_a_disagreement_speaks_of_the_arm_that_is_ahead_whatever_the_order_of_the_contrast():
    sentence = speak(evidence(-0.2, -0.05, rivals=(otherwise(-0.02, 0.1),), **CUT)).sentence
    assert "“steps” scored 12.5 points higher (95% interval 5.0 to 20.0)" in sentence
    assert "but 4.0 points lower (−10.0 to 2.0)" in sentence


def test_lost_answers_that_could_turn_the_verdict_call_for_another_run_and_not_for_items():
    lost = otherwise(-0.03, 0.04, LOST, "if every lost answer had gone against “direct”")
    sentence = speak(evidence(0.03, 0.09, rivals=(lost,), **CUT)).sentence
    assert "depends on what the lost answers would have been" in sentence
    assert "0.5 points higher (−3.0 to 4.0) if every lost answer had gone against" in sentence
    assert "12.0% of the answers of “steps” and 3.0% of those of “direct” were lost" in sentence
    assert "running again to fill them would remove this doubt" in sentence
    assert "items like these" not in sentence
    assert "on the answers in hand)" in sentence


def test_where_analyses_agree_on_the_direction_the_sentence_gives_limits_that_hold_in_all():
    verdict = speak(evidence(0.06, 0.2, rivals=(otherwise(0.02, 0.15),), margin=0.05))
    assert verdict.word == "BETTER, SIZE OPEN"
    assert "by 2.0 to 20.0 points" in verdict.sentence
    assert "This holds however answers cut off at the token limit are counted" in verdict.sentence
    agreeing = speak(evidence(0.03, 0.09, rivals=(otherwise(0.04, 0.08),)))
    assert agreeing.word == "BETTER"
    assert "cut off" not in agreeing.sentence


def test_a_direction_must_hold_after_holm():
    many = evidence(0.03, 0.09, p_adjusted=0.2, family=45)
    verdict = speak(many)
    assert verdict.word == "NOT SETTLED"
    assert "once all 45 comparisons are counted" in verdict.sentence
    assert "p = 0.20 after Holm for 45 comparisons" in verdict.sentence
    assert speak(replace(many, p_adjusted=0.04)).word == "BETTER"


def test_a_single_comparison_goes_by_its_interval_even_where_the_test_falls_on_the_other_side():
    # As with 9 against 2 items of 40: Tango's interval excludes 0 and McNemar's exact p is 0.065.
    verdict = speak(evidence(0.001, 0.09, p_value=0.065, p_adjusted=0.065))
    assert verdict.word == "BETTER, SIZE OPEN"
    assert "comparisons" not in verdict.sentence


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"n_items": 99, "n_union": 99}, "few_items"),
        ({"wins": 5, "losses": 4}, "few_discordant"),
        ({"wins": 0, "losses": 0}, "no_discordant"),
        ({"a": Arm("standard", 0.96, 0.0, 0.0)}, "ceiling"),
        ({"b": Arm("minimal", 0.04, 0.0, 0.0)}, "floor"),
        ({"a": Arm("standard", 0.6, 0.03, 0.0)}, "lost"),
        ({"differential_loss": 0.01}, "differential_loss"),
        ({"a": Arm("standard", 0.6, 0.0, 0.02)}, "truncation_gap"),
        ({"margin_is_default": True}, "default_margin"),
        ({"clustered": True, "n_clusters": 5}, "few_clusters"),
        ({"p_value": 0.2}, "interval_and_test_differ"),
    ],
)
def test_each_flag_is_raised_by_its_own_cause_alone(change, code):
    assert flags(evidence(0.03, 0.09), "x") == []
    assert [flag.code for flag in flags(evidence(0.03, 0.09, **change), "x")] == [code]


def test_identical_arms_are_told_what_gap_remains_possible():
    [flag] = flags(evidence(-0.019, 0.019, wins=0, losses=0, p_value=1.0), "x")
    assert "Identical scores on all 200 items" in flag.message
    assert "−1.9 to 1.9 points" in flag.message
