"""The chapter `answering` of inference.json as the report gets it: hand-made, its counts adding up.

Loaded by path (chapters.py, test_answering.py), so that the tests in a browser can use it too.
"""

from typing import Any

ANSWERABLE = {
    "right": {"right": 66, "abstained": 7, "wrong": 2},
    "wrong": {"right": 3, "abstained": 14, "wrong": 21, "refused": 1},
    "abstained": {"right": 1, "abstained": 4},
    "unusable": {"wrong": 1},
}
UNANSWERABLE = {
    "false_answer": {"false_answer": 17, "held_back": 36, "unusable": 1},
    "held_back": {"held_back": 23, "false_answer": 3},
}
SECOND = {
    "right": {"right": 73, "wrong": 2},
    "wrong": {"right": 3, "wrong": 36},
    "abstained": {"abstained": 5},
    "unusable": {"unusable": 1},
}
SECOND_UNANSWERABLE = {
    "false_answer": {"false_answer": 50, "held_back": 4},
    "held_back": {"held_back": 21, "false_answer": 5},
}
BETTER = {"exact_match": False, "f1": False, "false_answers": True, "unsupported": True}
BETTER |= {"abstention": None, "abstention_answerable": True, "abstention_unanswerable": False}
BETTER |= {"refusals": True, "unusable": True}


def interval(estimate: float, half: float, method: str = "t over clusters, CR2") -> dict[str, Any]:
    ends = {"low": estimate - half, "high": estimate + half}
    return {
        "estimate": estimate,
        **ends,
        "level": 0.95,
        "method": method,
        "se": half / 1.96,
        "df": 59.0,
    }


def states(*tables: dict[str, dict[str, int]], end: int) -> dict[str, int]:
    """How many answers are in each state at one end of the flows."""
    found: dict[str, int] = {}
    for table in tables:
        for before, counts in table.items():
            for after, count in counts.items():
                state = (before, after)[end]
                found[state] = found.get(state, 0) + count
    return found


def chapter(control: str, *arms: str, trial: str = "", item: str = "gcd-{:04d}") -> dict[str, Any]:
    """A chapter of one control and up to two arms; trial, item: where the flips are in the table."""
    tables = [(ANSWERABLE, UNANSWERABLE), (SECOND, SECOND_UNANSWERABLE)][: len(arms)]
    counted = [states(ANSWERABLE, UNANSWERABLE, end=0), *(states(*pair, end=1) for pair in tables)]
    rates = [_rates(found) for found in counted]
    return {
        "control": control,
        "arms": [
            {"condition": name, "n_items": 100, "n_answerable": 60, "n_unanswerable": 40,
             "n_answers": 200, "states": {**found, "answered": 0, "lost": 2 * place},
             "usd_per_1000": 0.21 + 0.04 * place, "tokens_in_mean": 212.0 + 180 * place,
             "rates": {key: _rate(key, value) for key, value in rate.items()}}
            for place, (name, found, rate) in enumerate(
                zip((control, *arms), counted, rates, strict=True))
        ],
        "contrasts": [
            {**_contrast(control, arm, endpoint, rates[place][endpoint] - rates[0][endpoint], place == 1),
             "rate": rates[place][endpoint], "control_rate": rates[0][endpoint]}
            for place, arm in enumerate(arms, start=1)
            for endpoint in BETTER
        ],
        "flows": [
            {"condition": arm, "control": control, "answerable": answerable, "from_to": table,
             "n_pairs": sum(sum(counts.values()) for counts in table.values())}
            for arm, pair in zip(arms, tables, strict=True)
            for answerable, table in zip((True, False), pair, strict=True)
        ],
        "subgroups": [
            {"by": by, "level": level, "condition": arms[0], "control": control,
             "endpoint": "false_answers", "difference": interval(-0.4 + 0.1 * place, 0.15),
             "n_items": 50, "n_clusters": 22, "p_value": 0.001 * (place + 1), "p_bh": 0.004}
            for place, (by, level) in enumerate(
                (("dataset", "squad2"), ("dataset", "nq_open"), ("kind", "open_book")))
        ] if arms else [],
        "across_datasets": [
            {"endpoint": "false_answers", "condition": arm, "control": control,
             "pooled": {"fixed": interval(-0.31, 0.08, "inverse variance"),
                        "random": interval(-0.29, 0.21, "REML, Hartung-Knapp"), "prediction": None},
             "rows": [{"dataset": name, "n_items": 50, "difference": interval(-0.3 - at, 0.12)}
                      for name, at in (("squad2", 0.1), ("nq_open", -0.05))],
             "heterogeneity": {"q": 2.1, "q_df": 1, "q_p": 0.15, "i2": 0.52, "tau": 0.07}}
            for arm in arms
        ],
        "threshold": [
            {"threshold": at, "condition": arm, "control": control, "rate_control": 0.31 + at / 10,
             "rate_arm": 0.12 + at / 20, "difference": interval(-0.19 - at / 20, 0.09)}
            for arm in arms for at in (0.3, 0.5, 0.7)
        ],
        "power": [
            {"condition": arm, "control": control, "endpoint": "false_answers", "n_items": 40,
             "smallest_detectable": 0.142, "items_for_halving": 31}
            for arm in arms
        ],
        "price": [
            {"condition": arm, "control": control, "extra_usd_per_1000": 0.04,
             "avoided_per_1000": 412.0, "reason": None,
             "usd_per_avoided": {"estimate": 0.0001, "low": 0.00008, "high": 0.00014, "level": 0.95},
             "sentence": f"With “{arm}” each false answer avoided costs $0.0001 (95% interval "
             "<$0.0001 to $0.0001)."}
            for arm in arms
        ],
        "flips": [
            {"condition": arm, "control": control, "direction": direction, "trial_id": trial,
             "item_id": item.format(place), "replication": place % 2}
            for arm in arms
            for direction, places in (("right→abstained", (4, 11)), ("false_answer→held_back", (0, 3, 8, 12)),
                                      ("held_back→false_answer", (16,)))
            for place in places
        ],
    }  # fmt: skip


def _rate(endpoint: str, value: float) -> dict[str, Any]:
    few = endpoint in ("false_answers", "abstention_unanswerable")
    items = 40 if few else 60 if endpoint == "abstention_answerable" else 100
    ends = {"low": max(0.0, value - 0.061), "high": value + 0.061}
    return {**interval(value, 0.061), **ends, "n_items": items, "n_clusters": 41}


def _rates(found: dict[str, int]) -> dict[str, float]:
    """The rates that the states of 120 answerable and 80 unanswerable answers stand for."""
    many, few = 120, 80
    count = {
        **dict.fromkeys(("right", "held_back", "abstained", "refused", "unusable"), 0),
        **found,
    }
    return {
        "exact_match": (count["right"] + count["held_back"]) / (many + few),
        "f1": (count["right"] + count["held_back"]) / (many + few) + 0.043,
        "false_answers": found["false_answer"] / few,
        "unsupported": 0.4 * found["false_answer"] / few,
        "abstention": (count["abstained"] + count["held_back"]) / (many + few),
        "abstention_answerable": count["abstained"] / many,
        "abstention_unanswerable": count["held_back"] / few,
        "refusals": count["refused"] / (many + few),
        "unusable": count["unusable"] / (many + few),
    }


def _contrast(control: str, arm: str, endpoint: str, gap: float, first: bool) -> dict[str, Any]:
    primary = first and endpoint in ("exact_match", "false_answers")
    word = endpoint.replace("_", " ")
    way = "more" if gap > 0 else "fewer"
    return {
        "condition": arm, "control": control, "endpoint": endpoint, "difference": interval(gap, 0.083),
        "p_value": 0.0004 if abs(gap) > 0.083 else 0.41, "p_adjusted": 0.0008 if primary else None,
        "p_bh": None if primary else 0.0007, "n_items": 100, "n_clusters": 41,
        "primary": primary, "lower_is_better": BETTER[endpoint],
        "sentence": f"“{arm}” has {abs(100 * gap):.1f} points {way} {word} than “{control}”.",
    }  # fmt: skip
