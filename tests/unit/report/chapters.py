"""What inference.json of schema 2 has beside schema 1: one hand-made entry of each chapter.

Loaded by path (conftest.py), so that the tests in a browser can use it too.
"""

import runpy
from math import log
from pathlib import Path
from typing import Any


def interval(estimate: float, half: float, level: float = 0.95, method: str = "t over items"):
    return {
        "estimate": estimate,
        "low": estimate - half,
        "high": estimate + half,
        "level": level,
        "method": method,
        "se": half / 1.96,
        "df": 59.0,
    }


def add_chapters(inference: dict[str, Any], plan: dict[str, Any]) -> None:
    """Turn an inference of schema 1 (two contrasts with estimates at least) into one of schema 2."""
    first, second = inference["contrasts"][:2]
    inference["schema"] = 2
    _contrast(first)
    second["lost"] = {"n_a": 0, "n_b": 0, "items": 0}
    second["p_adjusted"], second["adjustment"] = 0.62, "Holm"
    second["odds_ratio"] = {
        "estimate": 0.82, "low": 0.37, "high": None, "level": 0.95, "method": "exact, conditional",
    }  # fmt: skip
    inference["contrasts"].append(_tokens(first))
    for row in inference["conditions"]:
        if row.get("strict"):
            row["these_items"] = {**row["strict"], "method": "run-to-run noise",
                                  "low": row["strict"]["estimate"] - 0.03,
                                  "high": row["strict"]["estimate"] + 0.03}  # fmt: skip
    names = [first["name"], second["name"]]
    inference["families"] = [
        {"name": "primary, score", "metric": "score", "kind": "primary", "adjustment": "Holm",
         "over": "metric", "contrasts": names,
         "simultaneous": {"method": "max-T", "critical": 2.24, "draws": 9999}},
        {"name": "all pairs", "metric": "score", "kind": "exploratory",
         "adjustment": "Benjamini-Hochberg", "contrasts": [inference["contrasts"][2]["name"]]},
    ]  # fmt: skip
    inference["exploration"] = [
        {**second, "name": "warm − greedy, smollm2-135m alone", "primary": False, "p_adjusted": 0.93,
         "adjustment": "Benjamini-Hochberg", "sensitivity": [], "scopes": []}
    ]  # fmt: skip
    inference["spent"] = [
        {"contrast": names[0], "amount": amount, "ratio": interval(0.79, 0.13, method="swap inversion"),
         "p_value": 0.0102, "test": "swap", "n_items": 60, "mean_a": a, "mean_b": b, "sentence": ""}
        for amount, a, b in (("tokens_out", 18.4, 23.1), ("usd", 0.00042, 0.0005))
    ]  # fmt: skip
    inference["omnibus"] = [
        {"factor": "condition", "levels": ["direct", "stepwise"], "metric": "score",
         "test": "F, items random", "statistic": 11.2, "df": [1, 59], "p_value": 0.0014,
         "n_items": 60, "sentence": "At least two of the conditions differ."},
    ]  # fmt: skip
    inference["interaction"] = [_interaction(first)]
    inference["components"] = _components()
    inference["purchase"] = _purchase(first)
    inference["ranking"] = [_ranking()]
    inference["raters"] = _raters(first)
    inference["pareto"] = _pareto(inference["conditions"])
    inference["datasets"] = [_datasets(first)]
    inference["calibration"] = [_calibration(c) for c in inference["conditions"][:3]]
    inference["pass_at_k"] = [
        {"cell": _cell(c), "k": k, "n_items": 60,
         "pass_at_k": interval(0.4 + 0.2 * (1 - 0.6**k) + 0.05 * n, 0.09, method="bootstrap of items"),
         "pass_hat_k": interval(0.5 * 0.8**k + 0.05 * n, 0.08, method="bootstrap of items")}
        for n, c in enumerate(inference["conditions"][:2]) for k in (1, 2, 4, 8)
    ]  # fmt: skip
    inference["placebo"] = _placebo()
    inference["stopping"] = _stopping(names)
    inference["drift"] = _drift(inference["conditions"][:2], names[0])
    answering = runpy.run_path(str(Path(__file__).with_name("answering.py")))
    inference["answering"] = answering["chapter"](
        "direct", "stepwise", trial=plan["trials"][0]["id"]
    )


def _drift(cells: list[dict[str, Any]], contrast: str) -> dict[str, Any]:
    def change(estimate: float, p: float) -> dict[str, Any]:
        return {"wave": "2026-12", "n_items": 60, "difference": interval(estimate, 0.08),
                "p_value": p / 2, "p_adjusted": p, "test": "sign-flip",
                "sentence": "It changed, or did not."}  # fmt: skip

    return {
        "waves": ["first", "2026-12"],
        "cells": [
            {"cell": _cell(cells[0]), "metric": "exact", **change(-0.11, 0.012)},
            {"cell": _cell(cells[1]), "metric": "exact", **change(0.01, 0.8)},
        ],
        "contrasts": [
            {"contrast": contrast,
             "gaps": [{"wave": "first", "difference": interval(0.21, 0.12)},
                      {"wave": "2026-12", "difference": interval(0.09, 0.13)}],
             "changes": [change(-0.12, 0.03)]},
        ],
        "sentence": "2 waves: since the first one the score changed in 1 of 2 cells.",
    }  # fmt: skip


def _contrast(contrast: dict[str, Any]) -> None:
    name, d = contrast["name"], contrast["difference"]
    contrast |= {
        "odds_ratio": None,
        "effects": {
            "cliffs_delta": interval(0.29, 0.17, method="Feng & Cliff"),
            "hodges_lehmann": interval(0.25, 0.14, method="Walsh averages"),
            "d_z": interval(0.45, 0.26, method="noncentral t"),
        },
        "one_sided": {
            "non_inferiority": 0.00001, "superiority_by_margin": 0.0011, "equivalence": 0.9991,
        },
        "simultaneous": interval(d["estimate"], 0.137, method="max-T"),
        "adjustment": "Holm",
        "selected": None,
        "scopes": [
            {"scope": "these items", "difference": interval(0.21, 0.059, method="run noise"),
             "verdict": "BETTER"},
            {"scope": "items", "difference": d, "verdict": "BETTER"},
            {"scope": "prompts", "difference": interval(0.21, 0.34, method="EMS, Satterthwaite"),
             "verdict": "NOT SETTLED"},
            {"scope": "datasets", "reason": "one dataset only"},
        ],
        "stops_holding": f"{name}: this holds for items like these; for prompts like these it does "
        "not: the interval there is −13.0 to 55.0 points.",
        "lost": {
            "n_a": 6, "n_b": 10, "items": 9,
            "bounds": {"low": interval(0.16, 0.12), "high": interval(0.24, 0.12)},
            "tipping": {"needed": 9, "of": 16,
                        "sentence": "The verdict flips only if at least 9 of 16 lost answers were right."},
            "differential_p": 0.29,
        },
        "conditional": None,
    }  # fmt: skip


def _tokens(contrast: dict[str, Any]) -> dict[str, Any]:
    """The same arms by output tokens: a ratio, with a table of its own."""
    return {
        "name": "tokens of direct − stepwise", "factor": "condition", "a": "direct", "b": "stepwise",
        "metric": "tokens_out", "margin": 0.1, "primary": False, "n_items": 60, "effect": "ratio",
        "difference": None, "ratio": interval(0.77, 0.07, method="ratio of sums, swap inversion"),
        "means": {"a": 139.0, "b": 180.5}, "wins": 9, "ties": 1, "losses": 50,
        "noise": {"se_run": 0.01, "half_width": 0.02, "reason": None},
        "scopes": [{"scope": "items", "difference": None, "verdict": "BETTER",
                    "ratio": interval(0.77, 0.07, method="ratio of sums, swap inversion")}],
        "smallest_detectable": 0.06, "items_needed": 31, "p_value": 0.00001, "verdict": "BETTER",
        "sentence": "“direct” is shorter than “stepwise”: it uses 23.0% fewer output tokens.",
    }  # fmt: skip


def _raters(contrast: dict[str, Any]) -> dict[str, Any]:
    def by(estimate: float, half: float, verdict: str | None, holds: bool | None, **more: Any):
        return {"n_items": 60, "difference": interval(estimate, half), "verdict": verdict,
                "holds": holds, "reason": None, **more}  # fmt: skip

    component = {"variance": 0.01, "share": 0.12, "low": None, "high": None, "detectable": True,
                 "descriptive": True, "range": [0.44, 0.52]}  # fmt: skip
    return {
        "raters": ["numeric", "lenient", "regex"], "n_answers": 480, "left_out": 12,
        "levels": [
            {"rater": name, "n_answers": 480 - 12 * n, "mean": 0.44 + 0.04 * n, "unread_share": 0.01 * n}
            for n, name in enumerate(("numeric", "lenient", "regex"))
        ],
        "agreement": {
            "scale": "nominal", "n_answers": 470, "n_units": 60, "observed": 0.93, "prevalence": 0.83,
            "alpha": {"estimate": 0.71, "low": 0.63, "high": 0.78, "level": 0.95,
                      "method": "Krippendorff's alpha"},
            "ac1": {"estimate": 0.88, "low": 0.84, "high": 0.92, "level": 0.95,
                    "method": "Gwet's AC1"},
            "sentence": "On 470 answers two raters give the same score 93.0% of the time.",
        },
        "components": {
            "method": "expected mean squares", "n_items": 57, "items_left_out": 3, "replications": 2,
            "rows": [
                {**component, "name": "rater", "label": "rater: some give more than others"},
                {**component, "name": "item × rater", "label": "item × rater", "detectable": False,
                 "share": 0.0, "descriptive": False, "range": None},
                {**component, "name": "run", "label": "run", "descriptive": False, "low": 0.3,
                 "high": 0.5, "share": 0.4, "range": None},
            ],
            "raters_share": 0.12, "sentence": "Raters who do not agree make 12.0% of the variance.",
            "warnings": ["3 items left out."],
        },
        "contrasts": [{
            "contrast": contrast["name"], "margin": 0.02, "declared": "numeric",
            "rows": [by(0.21, 0.12, "BETTER", True, rater="numeric"),
                     by(0.14, 0.11, "BETTER", True, rater="lenient"),
                     by(0.08, 0.12, "NOT SETTLED", False, rater="regex")],
            "mean": by(0.14, 0.1, "BETTER", True),
            "like_these": {**by(0.14, 0.18, None, None), "reason": "too few items"},
            "sentence": "By “regex” the verdict stops holding.",
        }],
        "sentences": ["“regex” gives most and “numeric” least."],
    }  # fmt: skip


def _interaction(contrast: dict[str, Any]) -> dict[str, Any]:
    simple = [("smollm2-135m", 0.34, 0.15, 0.0001), ("smollm2-360m", -0.06, 0.14, 0.41)]
    return {
        "contrast": contrast["name"], "factor": "condition", "with": "model",
        "simple": [
            {"level": level, "n_items": 60, "difference": interval(d, half), "p_value": p}
            for level, d, half, p in simple
        ],
        "joint": {"test": "Wald, items random", "statistic": 14.2, "df": [1], "p_value": 0.0002},
        "sign_differs": True, "conditional": True,
        "sentence": "Which condition is better depends on the model: +34.0 points under "
        "“smollm2-135m”, −6.0 under “smollm2-360m”.",
    }  # fmt: skip


def _components() -> dict[str, Any]:
    rows = [
        ("item", "items", 0.102, 0.41, 0.30, 0.52, True, False, None),
        ("model", "models", 0.020, 0.08, None, None, True, True, [0.41, 0.55]),
        ("condition", "conditions", 0.015, 0.06, None, None, True, True, [0.38, 0.59]),
        ("item × model", "items × models", 0.030, 0.12, 0.05, 0.20, True, False, None),
        ("item × condition", "items × conditions", 0.0, 0.0, 0.0, 0.04, False, False, None),
        ("run", "run to run", 0.082, 0.33, 0.27, 0.40, True, False, None),
    ]
    keys = [
        "name",
        "label",
        "variance",
        "share",
        "low",
        "high",
        "detectable",
        "descriptive",
        "range",
    ]
    return {
        "metric": "score", "method": "expected mean squares", "balanced": True, "n_rows": 960,
        "rows": [dict(zip(keys, row, strict=True)) for row in rows],
        "sentences": [
            "Running the same model twice changes its score by about ±5.2 points.",
            "Changing the condition moves the score by about 10.5 points, changing the model by 7.0; "
            "the model ranking changes in 50% of the conditions.",
        ],
        "noise_half_width": 0.052, "prompt_sd": 0.105, "model_sd": 0.07, "ranking_changes": 0.5,
        "logistic": None, "warnings": ["2 models: their share describes these two."],
    }  # fmt: skip


def _purchase(contrast: dict[str, Any]) -> dict[str, Any]:
    options = [
        ("twice the items", 120, 2, 960, 1.92, 0.085, 0.292),
        ("twice the replications", 60, 4, 960, 1.92, 0.112, 0.067),
        ("600 more items", 660, 2, 9600, 19.2, 0.036, 0.70),
    ]
    return {
        "contrast": contrast["name"],
        "now": {"items": 60, "replications": 2, "prompts": 2, "half_width": 0.12, "usd": 1.92},
        "rows": [
            {"option": option, "items": items, "replications": replications, "prompts": 2,
             "answers": 960 + extra, "extra_answers": extra, "extra_usd": usd, "half_width": half,
             "narrower": narrower, "narrower_per_usd": narrower / usd}
            for option, items, replications, extra, usd, half, narrower in options
        ],
        "best": 0,
        "next_study": {"extends": "config/studies/demo.yaml", "replications": 2,
                       "items": [{"generate": "reasoning_gym", "size": 120}]},
        "sentence": "The next $1.92 buys most as 60 more items: ±8.5 instead of ±12.0 points.",
    }  # fmt: skip


def _ranking() -> dict[str, Any]:
    rows = [("smollm2-360m", 0.58, 1, 2, 0.71), ("smollm2-135m", 0.55, 1, 2, 0.26),
            ("model-2", 0.41, 3, 4, 0.03), ("model-3", 0.38, 3, 4, 0.0)]  # fmt: skip
    return {
        "factor": "model", "metric": "score", "n_items": 60, "method": "max-T over all pairs",
        "level": 0.95,
        "rows": [
            {"name": name, "mean": interval(mean, 0.09), "rank_low": low, "rank_high": high,
             "p_best": best}
            for name, mean, low, high, best in rows
        ],
        "sentence": "The data leave open which of 2 models is first.",
    }  # fmt: skip


def _cell(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("trial", "model", "sampling", "condition")}


def _pareto(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    best = -1.0
    for place, row in enumerate(conditions):
        usd = 0.0004 * 1.8**place
        mean = row["strict"]["estimate"] if row["strict"] else 0.0
        rows.append(
            {"cell": _cell(row), "name": None, "usd_per_answer": usd,
             "usd_interval": [usd * 0.93, usd * 1.08], "mean": mean,
             "member_probability": 0.9 if mean > best else 0.12, "on_front": mean > best}
        )  # fmt: skip
        best = max(best, mean)
    return {"rows": rows, "sentence": "Two cells are not beaten at both.", "axis": "usd"}


def _datasets(contrast: dict[str, Any]) -> dict[str, Any]:
    rows = [("gcd", 60, 0.21, 0.12), ("lcm", 44, 0.12, 0.15), ("words", 80, 0.26, 0.10)]
    return {
        "contrast": contrast["name"],
        "rows": [
            {"dataset": name, "n_items": n, "difference": interval(d, half)}
            for name, n, d, half in rows
        ],
        "fixed": interval(0.22, 0.07, method="inverse variance"),
        "random": interval(0.21, 0.16, method="REML, Hartung-Knapp"),
        "prediction": interval(0.21, 0.31, method="prediction"),
        "tau": 0.04, "q": 2.4, "q_df": 2, "q_p": 0.30, "i2": 0.17,
        "sentence": "Over 3 datasets the gain is 5.0 to 37.0 points for datasets like these.",
    }  # fmt: skip


def _calibration(row: dict[str, Any]) -> dict[str, Any]:
    bins = [
        (0.5, 12, 0.46, 0.33),
        (0.7, 20, 0.62, 0.45),
        (0.9, 41, 0.81, 0.56),
        (1.0, 47, 0.96, 0.66),
    ]
    return {
        "cell": _cell(row), "n": 120, "share_with_confidence": 1.0,
        "ece": 0.231, "ece_debiased": 0.214,
        "bins": [{"low": high - 0.2, "high": high, "n": n, "confidence": c, "accuracy": a}
                 for high, n, c, a in bins],
        "brier": 0.262, "reliability": 0.061, "resolution": 0.012, "uncertainty": 0.247,
        "aurc": 0.381, "e_aurc": 0.172, "risk_at": {"0.5": 0.34, "0.8": 0.41, "1.0": 0.45},
        "intervals": {"ece": {"low": 0.17, "high": 0.30}, "aurc": {"low": 0.3, "high": 0.46}},
    }  # fmt: skip


def _placebo() -> dict[str, Any]:
    flat = [11, 9, 10, 12, 8, 10, 11, 9, 10, 10, 9, 12, 10, 8, 11, 10, 10, 9, 11, 10]
    kinds = [
        {"kind": kind, "name": name, "runs": 200, "false_alarms": alarms, "share": alarms / 200,
         "low": max(0.0, alarms / 200 - 0.03), "high": alarms / 200 + 0.04, "p_values": flat,
         "sentence": ""}
        for kind, name, alarms in (("A/A split", "direct", 9), ("A/A split", "stepwise", 8),
                                   ("label swap", "direct − stepwise", 11))
    ]  # fmt: skip
    return {
        "runs": 600, "kinds": kinds,
        "sentence": "In 600 placebo runs on your data this analysis cried wolf 4.7% of the time.",
    }  # fmt: skip


def _stopping(names: list[str]) -> dict[str, Any]:
    evidence = [(12, 0.4, 0.6), (24, 2.1, 0.5), (36, 14.0, 0.9), (48, 61.0, 0.7)]
    looks = [
        {"look": place, "items": items, "settled": first > 20,
         "evidence": [
             {"contrast": name, "e_value": value, "log_e": log(value),
              "difference": interval(0.2, 0.6 / place**0.5)}
             for name, value in zip(names, (first, second), strict=True)]}
        for place, (items, first, second) in enumerate(evidence, start=1)
    ]  # fmt: skip
    return {
        "rule": "anytime", "looks": looks, "settled_at": 4, "asked_items": 48, "planned_items": 60,
        "saved_share": 0.2,
        "sentence": "Settled after 48 of 60 items: 20% of the answers were never asked for.",
    }  # fmt: skip
