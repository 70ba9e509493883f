"""The tables beside the report: name, meaning, and type and meaning of every column."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column; kind: text, number, count or flag. Every column may be null."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True)
class Spec:
    """A table: what a row of it is, and its columns."""

    name: str
    row: str
    columns: tuple[Column, ...]


def _columns(*lines: str) -> tuple[Column, ...]:
    """Columns from lines “name kind meaning”; kind “interval” stands for five columns."""
    found: list[Column] = []
    for line in lines:
        name, kind, meaning = line.split(" ", 2)
        found += _interval(name, meaning) if kind == "interval" else [Column(name, kind, meaning)]
    return tuple(found)


def _interval(name: str, meaning: str) -> list[Column]:
    return [
        Column(name, "number", meaning),
        Column(f"{name}_low", "number", "Low end of its interval."),
        Column(f"{name}_high", "number", "High end of its interval."),
        Column(f"{name}_level", "number", "Confidence level of its interval, such as 0.95."),
        Column(f"{name}_method", "text", "How the interval was made."),
    ]


CELL = (
    "trial_id text Trial: model × sampling, `slug--hash8`.",
    "condition_id text Condition, `slug--hash8`.",
    "model text The model's name in the study.",
    "sampling text Name of the sampling settings.",
    "condition text The condition's name in the study.",
)
CONTRAST = "contrast text Name of the contrast."

SPECS = {
    spec.name: spec
    for spec in (
        Spec(
            "cells",
            "a cell: trial × condition",
            _columns(
                *CELL,
                "trial_hash text Full content hash of the trial.",
                "n_items count Items of the cell.",
                "items_lost count Items without any answer.",
                "replications count Replications per item.",
                "n_rows count Planned answers.",
                "rows_lost count Planned answers that were lost.",
                "deterministic flag Every replication of an item had the same score at temperature 0.",
                "strict interval Mean score for items like these; unreadable or cut off counts as wrong.",
                "these_items interval The same for exactly these items: run-to-run noise alone.",
                "observed interval Mean score of complete, readable answers.",
            ),
        ),
        Spec(
            "outcomes",
            "an outcome in a cell",
            _columns(
                *CELL,
                "outcome text What became of the answers.",
                "count count Answers with this outcome.",
            ),
        ),
        Spec(
            "contrasts",
            "a contrast",
            _columns(
                CONTRAST,
                "factor text Factor whose levels are compared.",
                "a text First level; positive differences speak for it.",
                "b text Second level.",
                "cells_a text Its cells: `trial_id/condition_id`, separated by blanks.",
                "cells_b text The cells of the second level.",
                "metric text What is compared: score, a scorer, tokens_out, usd …",
                "scope text Population that the difference speaks of.",
                "family text Family whose comparisons are counted together.",
                "primary flag Declared before the answers were read.",
                "margin number Difference that matters, as declared.",
                "margin_is_default flag No margin was declared.",
                "n_items count Items with answers of both levels.",
                "n_clusters count Clusters of these items.",
                "replications count Replications per item.",
                "effect text What the verdict goes by: difference, or ratio where answers take something.",
                "difference interval Mean of first minus second level.",
                "ratio interval Of sums, first over second level: tokens, dollars or seconds.",
                "equivalence_low number Low end of the 90% interval that equivalence rests on.",
                "equivalence_high number High end of it.",
                "simultaneous_low number Low end of the interval that holds for the whole family at once.",
                "simultaneous_high number High end of it.",
                "p_value number p of the declared test.",
                "p_adjusted number p after adjustment within the family.",
                "adjustment text How p was adjusted.",
                "mid_p number McNemar's mid-p.",
                "test text The test.",
                "a_only count Items that the first level alone has right.",
                "b_only count Items that the second level alone has right.",
                "wins count Items on which the first level scores higher.",
                "ties count Items with equal scores.",
                "losses count Items on which the second level scores higher.",
                "noise_half_width number Half-width of run-to-run noise.",
                "smallest_detectable number Smallest difference seen with power 0.8, by itself at alpha.",
                "items_needed count Items to see the margin with power 0.8, by itself at alpha.",
                "odds_ratio interval Odds ratio of the discordant items.",
                "cliffs_delta interval Cliff's delta.",
                "hodges_lehmann interval Hodges-Lehmann difference.",
                "d_z interval Mean difference in standard deviations of the differences.",
                "p_non_inferiority number p of “not worse by the margin”.",
                "p_superiority_by_margin number p of “better by the margin”.",
                "p_equivalence number p of “the same within the margin” (two one-sided tests).",
                "lost_a count Lost answers of the first level.",
                "lost_b count Lost answers of the second level.",
                "bound_low number Difference if every lost answer spoke against the first level.",
                "bound_high number Difference if every lost answer spoke for it.",
                "tipping_needed count Lost answers that would have to be right to turn the verdict.",
                "tipping_of count Lost answers that could turn it.",
                "differential_p number p of “the levels lose the same items”.",
                "verdict text The verdict.",
                "sentence text Its sentence.",
                "stops_holding text At which scope the claim stops holding.",
            ),
        ),
        Spec(
            "scopes",
            "a contrast at a scope",
            _columns(
                CONTRAST,
                "scope text these items, items, prompts or datasets.",
                "difference interval Difference with the interval at this scope.",
                "ratio interval Ratio with the interval at this scope.",
                "verdict text Verdict at this scope.",
                "reason text Why it was not computed.",
            ),
        ),
        Spec(
            "analyses",
            "another analysis of a contrast",
            _columns(
                CONTRAST,
                "analysis text What is done otherwise.",
                "difference interval Difference by this analysis.",
                "verdict text Verdict of this analysis by itself.",
                "holds flag It is the declared analysis's verdict.",
            ),
        ),
        Spec(
            "families",
            "a comparison in its family",
            _columns(
                "family text Name of the family.",
                "metric text Metric of its comparisons.",
                "kind text primary or exploratory.",
                "adjustment text How p-values are adjusted within it.",
                "over text study where families of its kind are adjusted together, else metric.",
                CONTRAST,
                "simultaneous_method text How its simultaneous intervals were made.",
                "critical number Their critical value.",
            ),
        ),
        Spec(
            "omnibus",
            "a factor tested as a whole",
            _columns(
                "factor text The factor.",
                "levels text Its levels, separated by “; ”.",
                "metric text Metric.",
                "test text The test.",
                "statistic number Its statistic.",
                "df text Its degrees of freedom, separated by blanks.",
                "p_value number p of “all levels are alike”.",
                "n_items count Items.",
            ),
        ),
        Spec(
            "components",
            "a source of variation",
            _columns(
                "metric text Metric.",
                "source text item, model, condition, …, run.",
                "label text The same in words.",
                "variance number Variance component.",
                "share number Its share of the sum.",
                "low number Low end of the 95% interval of the share.",
                "high number High end of it.",
                "detectable flag It was told from 0.",
                "descriptive flag Fewer than 5 levels: it describes these levels alone.",
                "range_low number Lowest mean of its levels.",
                "range_high number Highest mean of its levels.",
            ),
        ),
        Spec(
            "interaction",
            "a contrast under a level of another factor",
            _columns(
                CONTRAST,
                "factor text Factor of the contrast.",
                "with_factor text The other factor.",
                "level text Level of the other factor.",
                "n_items count Items.",
                "difference interval Difference under this level.",
                "p_value number p of this difference.",
                "joint_p number p of “the same under every level”.",
                "sign_differs flag The direction is not the same under every level.",
                "conditional flag The verdict depends on the level.",
            ),
        ),
        Spec(
            "ranking",
            "an arm of a ranking",
            _columns(
                "factor text What is ranked.",
                "metric text Metric.",
                "place count Place by mean, from 1.",
                "name text The arm.",
                "mean interval Its mean.",
                "rank_low count Best rank that the data leave open.",
                "rank_high count Worst rank that they leave open.",
                "p_best number Share of redraws in which it came first.",
            ),
        ),
        Spec(
            "raters",
            "a rater",
            _columns(
                "rater text Name of the scorer.",
                "n_answers count Answers that it graded.",
                "mean number Its mean score of the answers that all raters graded.",
                "unread_share number Share that it could not read and another rater could.",
            ),
        ),
        Spec(
            "rater_contrasts",
            "a contrast by a rater, or by several",
            _columns(
                CONTRAST,
                "kind text rater, mean (of all raters) or like these (raters and items as samples).",
                "rater text Name of the scorer; empty for several.",
                "declared flag The contrast's verdict is by this rater.",
                "n_items count Items.",
                "difference interval Difference by these scores.",
                "verdict text What its intervals alone say.",
                "holds flag The same claim as by the declared rater.",
                "reason text Why there is no verdict.",
            ),
        ),
        Spec(
            "rater_components",
            "a source of variation, the rater being a factor",
            _columns(
                "source text item, model, condition, rater, …, answer × rater, run.",
                "label text The same in words.",
                "variance number Variance component.",
                "share number Its share of the sum.",
                "low number Low end of the 95% interval of the share.",
                "high number High end of it.",
                "detectable flag It was told from 0.",
                "descriptive flag Fewer than 5 levels: it describes these levels alone.",
                "range_low number Lowest mean of its levels.",
                "range_high number Highest mean of its levels.",
            ),
        ),
        Spec(
            "pareto",
            "a cell with its cost",
            _columns(
                *CELL,
                "name text How the figure calls it.",
                "axis text Unit of the cost: usd or tokens_out.",
                "cost number Cost of an answer.",
                "cost_low number Low end of its interval.",
                "cost_high number High end of it.",
                "mean number Mean score.",
                "member_probability number Share of redraws in which no cell beats it at both.",
                "on_front flag No cell beats it at both.",
            ),
        ),
        Spec(
            "spent",
            "an amount that the arms of a contrast take",
            _columns(
                CONTRAST,
                "amount text usd, tokens_out, latency_s or usd_per_correct.",
                "ratio interval How many times that of the second level the first one takes.",
                "mean_a number What the first level takes per answer.",
                "mean_b number What the second level takes.",
                "p_value number p of “both take the same”.",
                "test text The test.",
                "n_items count Items.",
            ),
        ),
        Spec(
            "datasets",
            "a contrast in a dataset, or over all",
            _columns(
                CONTRAST,
                "dataset text The dataset; empty for a pooled row.",
                "kind text dataset, fixed, random or prediction.",
                "n_items count Items.",
                "difference interval Difference; of a prediction the interval alone counts.",
            ),
        ),
        Spec(
            "drift",
            "a change since the first wave, or the gap of a contrast in a wave",
            _columns(
                "kind text cell, gap or change of the gap.",
                *CELL,
                CONTRAST,
                "metric text Name of the scorer, of a cell.",
                "wave text The wave.",
                "n_items count Items of this wave and of the first.",
                "difference interval Later − first; of a gap A − B.",
                "p_value number p of no change.",
                "p_adjusted number Adjusted over all changes of its kind (Holm).",
                "test text The test.",
            ),
        ),
        Spec(
            "calibration",
            "a cell whose answers carry a confidence",
            _columns(
                *CELL,
                "n count Answers with a confidence.",
                "share_with_confidence number Share of the answers that carry one.",
                "ece number Expected calibration error.",
                "ece_debiased number The same without its bias.",
                "brier number Brier score.",
                "reliability number Its reliability part.",
                "resolution number Its resolution part.",
                "uncertainty number Its uncertainty part.",
                "aurc number Area under the risk-coverage curve.",
                "e_aurc number What of it is above the best order.",
            ),
        ),
        Spec(
            "calibration_bins",
            "a confidence bin of a cell",
            _columns(
                *CELL,
                "low number Low end of the bin.",
                "high number High end of the bin, included.",
                "n count Answers in it.",
                "confidence number Their mean confidence.",
                "accuracy number Share of them that was right.",
            ),
        ),
        Spec(
            "pass_at_k",
            "a number of tries in a cell",
            _columns(
                *CELL,
                "k count Number of tries.",
                "n_items count Items.",
                "pass_at_k interval Chance that at least one of k tries is right.",
                "pass_hat_k interval Chance that all k are.",
            ),
        ),
        Spec(
            "purchase",
            "an option to buy more answers",
            _columns(
                CONTRAST,
                "option text What would be bought.",
                "items count Items there would be.",
                "replications count Replications there would be.",
                "prompts count Prompts there would be.",
                "answers count Answers there would be.",
                "extra_answers count Answers to buy.",
                "extra_usd number What they would cost.",
                "half_width number Half-width of the interval there would be.",
                "narrower number Share by which it would be narrower.",
                "narrower_per_usd number The same per dollar.",
                "best flag The most for its price.",
            ),
        ),
        Spec(
            "placebo",
            "a kind of placebo runs",
            _columns(
                "kind text A/A split, label swap or split-half.",
                "name text What it was made of.",
                "runs count Runs.",
                "false_alarms count Runs with p below alpha.",
                "share number Their share.",
                "low number Low end of its 95% interval.",
                "high number High end of it.",
            ),
        ),
        Spec(
            "placebo_p_values",
            "a bin of p-values of placebo runs",
            _columns(
                "kind text Kind of placebo.",
                "name text What it was made of.",
                "low number Low end of the bin.",
                "high number High end of the bin.",
                "count count Runs in it.",
            ),
        ),
        Spec(
            "stopping",
            "a contrast at a look",
            _columns(
                "look count Number of the look, from 1.",
                "items count Items answered until then.",
                CONTRAST,
                "e_value number Evidence against “no difference in the population”.",
                "log_e number Its natural logarithm.",
                "difference interval Difference until then, its interval valid at every look.",
                "settled flag The study was settled at this look.",
            ),
        ),
        Spec(
            "costs",
            "a cell with what it cost",
            _columns(
                *CELL,
                "requests count Requests.",
                "answered count Answers.",
                "reused count Answers that other studies had made.",
                "tokens_in count Input tokens.",
                "tokens_out count Output tokens.",
                "tokens_reasoning count Reasoning tokens among them.",
                "usd number US dollars.",
                "unpriced flag No price is known.",
                "trial_jobs count Jobs that loaded the local model of the trial, for all its conditions.",
                "trial_hours number Hours that they took: the same in each row of the trial.",
                "trial_gpu_hours number The same × their GPUs.",
                "trial_loading_share number Share of the hours that loading the model took.",
            ),
        ),
        Spec(
            "answering_arms",
            "a condition of an A/B on question answering",
            _columns(
                "condition text The condition's name in the study.",
                "n_items count Items.",
                "n_answerable count Items that have an answer.",
                "n_unanswerable count Items that have none.",
                "n_answers count Answers that the rates rest on.",
                "exact_match interval Share right by the official exact match.",
                "f1 interval Mean token F1.",
                "false_answers interval Share of the unanswerable items that were answered.",
                "unsupported interval Share of answers with a passage that claim what it does not support.",
                "abstention interval Share that abstains, of all items.",
                "abstention_answerable interval The same of the answerable items.",
                "abstention_unanswerable interval The same of the unanswerable items.",
                "refusals interval Share that refuses.",
                "unusable interval Share cut off, empty or unreadable.",
                "n_right count Answers to answerable items that are right.",
                "n_held_back count Unanswerable items that were not answered.",
                "n_abstained count Answerable items on which it abstained.",
                "n_refused count Answerable items that it refused.",
                "n_unusable count Answers cut off, empty or unreadable.",
                "n_wrong count Answers to answerable items that are wrong.",
                "n_answered count Answers of which no scorer says whether they are right.",
                "n_false_answer count Unanswerable items that were answered.",
                "n_lost count Answers that never came, in none of these states and no rate.",
                "usd_per_1000 number US dollars per 1,000 answers.",
                "tokens_in_mean number Mean input tokens per answer.",
            ),
        ),
        Spec(
            "answering_contrasts",
            "a rate of a condition against the control",
            _columns(
                "condition text The condition.",
                "control text The condition that it is compared with.",
                "endpoint text The rate: a column of `answering_arms`.",
                "difference interval Rate of the condition minus rate of the control.",
                "rate number Rate of the condition on the items that both answered.",
                "control_rate number Rate of the control on these items.",
                "n_items count Items with answers of both.",
                "n_clusters count Clusters of these items.",
                "p_value number p of “no difference”.",
                "p_adjusted number p after Holm over the primary ones; empty for others.",
                "against number The difference that p_adjusted is against, where the aim is non-inferiority.",
                "p_bh number p after Benjamini and Hochberg over the others; empty for primary ones.",
                "primary flag Declared before the answers were read.",
                "lower_is_better flag A lower rate is the better one; empty where neither is.",
                "direction text Which way the rate is said to differ; empty where it is not.",
                "sentence text The difference in words.",
            ),
        ),
        Spec(
            "answering_flows",
            "answers that went from a state with the control to a state with a condition",
            _columns(
                "condition text The condition.",
                "control text The condition that it is compared with.",
                "answerable flag They are answers to answerable items.",
                "n_pairs count Pairs of answers: the same item, trial and replication.",
                "state_control text A state of an answer: `n_` of it is a column of `answering_arms`.",
                "state_condition text The same of the condition's answer.",
                "count count Pairs that went this way.",
            ),
        ),
    )
}
"""The tables by name, in the order of the report."""
