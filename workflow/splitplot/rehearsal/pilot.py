"""What is assumed of a contrast before its data: from the study's `analysis.pilot`, else cautious defaults.

A pilot gives the mean score, the variance of the item differences and the run-to-run noise of the same
(or the most alike) contrast; from these follow the components. The gap that a pilot found is not taken
over: of gaps that were noticed in small studies most are smaller than they looked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.errors import ConfigError
from splitplot.files import read_json
from splitplot.inference.arms import paired_cells
from splitplot.inference.asked import Asked
from splitplot.inference.assumptions import (
    CLUSTER_SHARE,
    ITEM_ARM_SHARE,
    ITEM_SHARE,
    LEAST_MEAN,
    Components,
    components,
    run_factor,
)
from splitplot.inference.evidence import ITEMS
from splitplot.inference.grid import Cell
from splitplot.inference.intervals import z_quantile
from splitplot.inference.sequential.peeking import FIXED_SAMPLE

SURE_ITEMS = 800
"""From this many items of a pilot on, what it says of a variance is sure to a tenth."""

NUMBERS = ("mean", "item_sd", "item_arm_sd", "run_sd")


@dataclass(frozen=True)
class Assumed:
    """Components for one contrast, the gap to plan for (None: none was named), and where they are from.

    basis: "pilot", "numbers" or "defaults". notes: sentences; the first says the source.
    """

    components: Components
    gap: float | None
    basis: str
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        c = self.components
        return {
            "basis": self.basis,
            "notes": list(self.notes),
            "mean": c.mean,
            "item_sd": c.item_sd,
            "item_arm_sd": c.item_arm_sd,
            "run_sd": c.run_sd,
            "cluster_share": c.cluster_share,
            "right_or_wrong": c.binary,
            "gap": self.gap,
        }


def pilot_file(plan: Mapping[str, Any]) -> str | None:
    """The inference.json that the plan's pilot is taken from, relative to the root; None without one."""
    source = (plan.get("pilot") or {}).get("from")
    return None if source is None else paths.INFERENCE.format(study=source)


def assumptions(plan: Mapping[str, Any], root: Path, asked: Sequence[Asked]) -> list[Assumed]:
    """What is assumed of each contrast. Raises ConfigError where the pilot is absent or impossible."""
    pilot = plan.get("pilot") or {}
    numbers = {name: float(pilot[name]) for name in NUMBERS if name in pilot}
    gap = float(pilot["gap"]) if "gap" in pilot else None
    source = pilot_file(plan)
    found = read_pilot(root / source, source, str(plan["study_file"])) if source else None
    where = f"{plan['study_file']}: analysis.pilot"
    try:
        if found is None:
            return [_of_numbers(numbers, gap)] * len(asked)
        return [_of_pilot(found, one, numbers, gap, str(pilot["from"])) for one in asked]
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def read_pilot(path: Path, name: str, study_file: str) -> dict[str, Any]:
    """inference.json of the pilot. Raises ConfigError, with what to do, where there is none."""
    try:
        found = read_json(path)
    except FileNotFoundError:
        found = None
    if not isinstance(found, dict) or not found.get("contrasts"):
        why = "has no contrasts" if found else "is not there"
        raise ConfigError(
            f"{study_file}: analysis.pilot.from: {name} {why}; run that study first, or give numbers: "
            f"{', '.join(NUMBERS)}"
        )
    return found


def _of_numbers(numbers: Mapping[str, float], gap: float | None) -> Assumed:
    c = components(**numbers)
    missing = [name for name in NUMBERS if name not in numbers]
    defaults = (
        f"mean score {c.mean:g}, answers right or wrong; {ITEM_SHARE:.0%} of their variance is the item, "
        f"{ITEM_ARM_SHARE:.0%} the item in one arm, the rest run-to-run noise"
    )
    if not numbers:
        return Assumed(
            c, gap, "defaults", (f"No pilot was named: cautious defaults ({defaults}).",)
        )
    notes = ["Assumed as the study's analysis.pilot says."]
    if missing:
        notes.append(f"Not given there, so by the defaults: {', '.join(missing)}.")
    return Assumed(c, gap, "numbers", tuple(notes))


def _of_pilot(
    found: Mapping[str, Any],
    asked: Asked,
    numbers: Mapping[str, float],
    gap: float | None,
    study: str,
) -> Assumed:
    contrast, how = _alike([_fixed_sample(one) for one in found["contrasts"]], asked)
    if contrast is None:
        unusable = (
            f"Study {study} has no contrast of this metric with an interval over items like these."
        )
        rest = _of_numbers(numbers, gap)
        return replace(rest, notes=(unusable, *rest.notes))
    base, notes = from_contrast(found, contrast)
    if numbers:
        base = _replaced(base, numbers)
        notes.append(f"In place of what it says, as the study has it: {', '.join(numbers)}.")
    n = int(contrast["n_items"])
    first = f"From the {n:,} items of study {study}, {how} “{contrast['name']}”."
    if n < SURE_ITEMS:
        error = z_quantile(0.95) * sqrt(2 / (n - 1))  # of a variance, were the differences normal
        notes.append(
            f"From so few items the variance, and the number of items needed, is known to ±{error:.0%}."
        )
    if found.get("simulated"):
        notes.append("The answers of that study are simulated.")
    return Assumed(base, gap, "pilot", (first, *notes))


def _replaced(base: Components, numbers: Mapping[str, float]) -> Components:
    """A pilot's components with some replaced by numbers of the study.

    At another mean they keep their shares; right or wrong answers stay so, the items giving way.
    """
    mean = numbers.get("mean", base.mean)
    scale = sqrt(mean * (1 - mean) / base.largest)
    parts = {name: scale * getattr(base, name) for name in NUMBERS[1:]} | {"mean": mean, **numbers}
    if base.binary and "item_sd" not in numbers:
        left = mean * (1 - mean) - parts["item_arm_sd"] ** 2 - parts["run_sd"] ** 2
        parts["item_sd"] = sqrt(max(0.0, left))
    elif base.binary and "run_sd" not in numbers:
        del parts["run_sd"]
    return components(**parts)


def _fixed_sample(contrast: Mapping[str, Any]) -> Mapping[str, Any]:
    """A contrast of a study that could stop early, with the interval that has a standard error."""
    fixed = [one for one in contrast.get("sensitivity") or () if one["name"] == FIXED_SAMPLE]
    return {**contrast, "difference": fixed[0]["difference"]} if fixed else contrast


def _alike(
    contrasts: Sequence[Mapping[str, Any]], asked: Asked
) -> tuple[Mapping[str, Any] | None, str]:
    """The pilot's contrast that is most like this one, among those with an interval over items."""
    usable = [
        one
        for one in contrasts
        if one.get("scope") == ITEMS
        and one.get("metric") == asked.metric
        and one["n_items"] > 1
        and (one.get("difference") or {}).get("se") is not None
    ]
    ways = (
        ("contrast", lambda one: {one["a"], one["b"]} == {asked.a, asked.b}),
        (
            f"another contrast of the factor {asked.factor},",
            lambda one: one["factor"] == asked.factor,
        ),
        ("a contrast of another factor,", lambda one: True),
    )
    for how, fits in ways:
        for one in usable:
            if fits(one):
                return one, how
    return None, ""


def from_contrast(
    inference: Mapping[str, Any], contrast: Mapping[str, Any]
) -> tuple[Components, list[str]]:
    """Components that give the contrast's item differences their variance, and remarks.

    SE²·n = V is the variance of an item's difference, clusters included; SE_run²·n its run part R. With
    S = Σ over both arms of (1/m²) Σ 1/K (`run_factor`): run² = R/S over the cells that vary from run to
    run, item_arm² = (V − run²·S)/2 with those that do not counted as one answer. What is left of
    mean·(1 − mean) is the item, common to both arms: it does not enter the difference.
    """
    notes: list[str] = []
    entries = inference["conditions"]
    pairs = paired_cells(
        [_cell(entry) for entry in entries],
        contrast["factor"],
        contrast["a"],
        contrast["b"],
        f"contrast {contrast['name']}",
    )
    known = [entries[index]["strict"] for pair in pairs for index in pair]
    means = [mean["estimate"] for mean in known if mean]
    mean = sum(means) / len(means)
    mean = min(max(mean, LEAST_MEAN), 1 - LEAST_MEAN)
    arms = [tuple(_answers(entries[pair[side]]) for pair in pairs) for side in (0, 1)]
    factor = sum(run_factor(arm) for arm in arms)
    n = int(contrast["n_items"])
    whole = float(contrast["difference"]["se"]) ** 2 * n
    run = _run_part(contrast, arms)
    per_cluster = n / int(contrast["n_clusters"])
    if per_cluster > 1:
        # What was measured is V + (m − 1)·λ·ω², with ω² = V − R.
        grown = (per_cluster - 1) * CLUSTER_SHARE
        whole = (whole + grown * (run or 0.0) * factor) / (1 + grown)
        notes.append(
            f"Its items come in clusters of {per_cluster:.1f} on average; {CLUSTER_SHARE:.0%} of the "
            "variance between items is assumed to be theirs."
        )
    if run is None:
        each = ITEM_ARM_SHARE / (1 - ITEM_SHARE)
        run = whole * (1 - each) / (2 * each + (1 - each) * factor)
        notes.append(
            "Its run-to-run noise is not known (that needs replications that differ): it is taken to be "
            "as large as the variance of items within an arm."
        )
    arm = (whole - run * factor) / 2
    if arm < 0:
        arm, run = 0.0, whole / factor
        notes.append("Its run-to-run noise alone explains how much the item differences vary.")
    largest = mean * (1 - mean)
    if arm + run > largest:  # more than scores within 0…1 can vary: chance in a small pilot
        arm, run = (part * largest / (arm + run) for part in (arm, run))
    item = max(0.0, largest - arm - run)
    return Components(mean, sqrt(item), sqrt(arm), sqrt(run)), notes


def _cell(entry: Mapping[str, Any]) -> Cell:
    names = (entry["trial"], entry["model"], entry["sampling"], "", entry["condition"])
    return Cell(*names, bool(entry["deterministic"]))


def _answers(entry: Mapping[str, Any]) -> int:
    """Independent answers to an item in a cell: one where it answers the same again and again."""
    return 1 if entry["deterministic"] else max(1, int(entry["replications"]))


def _run_part(contrast: Mapping[str, Any], arms: Sequence[tuple[int, ...]]) -> float | None:
    """run² of one answer, from the noise of the contrast; None where that is not known."""
    se = (contrast.get("noise") or {}).get("se_run")
    noisy = sum(sum(1 / k for k in arm if k > 1) / len(arm) ** 2 for arm in arms)
    return float(se) ** 2 * int(contrast["n_items"]) / noisy if se and noisy else None
