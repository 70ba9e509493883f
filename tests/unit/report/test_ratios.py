"""How a ratio of tokens, dollars or seconds stands in the report."""

import pytest

from splitplot.report import ratios
from splitplot.report.content import verdict
from splitplot.report.wording import POINTS

RATIO = {"estimate": 0.772, "low": 0.70, "high": 0.851, "level": 0.95, "method": "ratio of sums"}
ENTRY = {
    "name": "x − y", "factor": "model", "a": "x", "b": "y", "metric": "usd", "scope": "items",
    "effect": "ratio", "ratio": RATIO, "difference": None, "margin": 0.1, "n_items": 60,
    "means": {"a": 0.00077, "b": 0.001}, "wins": 9, "ties": 1, "losses": 50, "p_value": 0.0001,
    "p_adjusted": 0.0002, "adjustment": "Holm", "test": "swap of the arms", "verdict": "BETTER",
    "smallest_detectable": 0.0613, "items_needed": 31, "sentence": "“x” is cheaper than “y”.",
    "noise": {"se_run": 0.01, "half_width": 0.0202, "reason": None},
}  # fmt: skip
EMPTY = ENTRY | {
    "ratio": None, "means": {"a": None, "b": None}, "wins": None, "verdict": "NO VERDICT",
    "noise": {"se_run": None, "half_width": None, "reason": "one replication"}, "p_value": None,
    "p_adjusted": None, "smallest_detectable": None, "items_needed": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "word", "shown"),
    [
        ("usd", "BETTER", "CHEAPER"),
        ("tokens_out", "WORSE, SIZE OPEN", "LONGER, SIZE OPEN"),
        ("latency_s", "NOT BETTER BY MARGIN", "NOT FASTER BY MARGIN"),
        ("usd_per_correct", "EQUIVALENT", "EQUIVALENT"),
    ],
)
def test_the_word_says_what_less_is(metric, word, shown):
    assert ratios.shown_word(ENTRY | {"metric": metric, "verdict": word}) == shown
    assert ratios.shown_word({"metric": metric, "verdict": word}) == word


def test_the_box_of_a_ratio_speaks_of_times_and_savings():
    box = verdict(ENTRY, POINTS)
    assert (box["effect"], box["value"], box["ends"]) == ("ratio", "0.77 times", "0.70 to 0.85")
    assert (box["word"], box["tone"], box["margin"]) == ("CHEAPER", "good", "a saving of 10.0%")
    assert box["noise"].endswith("move this ratio by up to about ±2.0%.")


def test_the_table_has_both_arms_in_dollars_and_the_adjusted_p():
    [table] = ratios.table([ENTRY, {"name": "a score", "effect": "difference"}])
    [row] = table.rows
    texts = [value.text for value in row]
    assert texts[:5] == ["x − y", "0.77 (0.70 to 0.85)", "$0.0008", "$0.0010", "10.0%"]
    assert texts[5] == "“x” more on 9, equal on 1, “y” more on 50"
    assert texts[6:9] == ["±2.0%", "6.1%", "31"]
    assert row[-1].soft == ("0.0002 after Holm", "swap of the arms")


def test_a_ratio_that_could_not_be_found_keeps_its_row():
    [table] = ratios.table([EMPTY])
    assert table.rows[0][1].text == "no estimate"
    box = verdict(EMPTY, POINTS)
    assert not box["known"] and box["noise"] == "Run-to-run noise is not known: one replication."


def test_an_end_that_is_not_1_never_reads_as_1():
    assert ratios.times_ends({"low": 0.9996, "high": 1.0004}) == "0.9996 to 1.0004"
    assert ratios.times({"estimate": 1.0}) == "1.00 times"
    assert ratios.times_ends({"low": 0.0004, "high": 12.5}) == "0.0004 to 12.50"
