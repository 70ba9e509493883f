"""What a contrast must have before a verdict is spoken, and what must be said beside one.

A refusal says why there is no verdict and what to do. A flag stands beside a verdict that holds.
"""

from dataclasses import asdict, dataclass

from splitplot.inference.evidence import DATASETS, FIXED, ITEMS, PROMPTS, Arm, Evidence
from splitplot.inference.intervals import clopper_pearson
from splitplot.inference.wording import counted, p_text, percent, quoted

MIN_ITEMS = 20
FEW_ITEMS = 100
MIN_CLUSTERS = 5

MIN_OVERLAP = 0.5
MAX_LOST = 0.20
LOST_NOTED = 0.02
LOSS_DIFFERS = 0.05
TRUNCATION_GAP = 0.01
FEW_DISCORDANT = 10
CEILING, FLOOR = 0.95, 0.05
WHOLE_SCALE = 1.0
SCOPES = (ITEMS, FIXED, PROMPTS, DATASETS)
GENERALISING = (ITEMS, PROMPTS, DATASETS)


@dataclass(frozen=True)
class Flag:
    """A named remark. where: the contrast or cell it is about, or "study"."""

    code: str
    where: str
    message: str

    def to_json(self) -> dict[str, str]:
        """A plain dictionary, as in inference.json."""
        return asdict(self)


def refusals(e: Evidence) -> list[str]:
    """Why no verdict may be spoken: one clause each, with what to do. Empty where one may."""
    found = []
    if e.scope not in SCOPES:
        found.append(
            f'the scope "{e.scope}" is not known; declare one of: items, these items, prompts, datasets'
        )
    if e.bounded and e.margin >= WHOLE_SCALE:
        found.append(
            f"the margin of {e.unit.amount(e.margin)} is no less than the whole scale of the scores, so "
            "every difference would be within it; write 0.05 for five points"
        )
    if e.confounded:
        found.append(
            f"the arms differ in {e.confounded} at once, so the gap cannot be put down to either; "
            "ask both with the same other settings"
        )
    if e.n_items < MIN_ITEMS:
        found.append(
            f"only {counted(e.n_items, 'item')} answered by both, at least {MIN_ITEMS} are needed"
            f"{_exact_counts(e)}; add items"
        )
    if e.n_union and e.n_items < MIN_OVERLAP * e.n_union:
        found.append(
            f"only {e.n_items:,} of {counted(e.n_union, 'item')} answered by both, so the arms were "
            "asked different questions; fill the missing cells"
        )
    for arm in (e.a, e.b):
        if arm.lost > MAX_LOST:
            found.append(
                f"{percent(arm.lost)} of the answers of {quoted(arm.name)} were lost, more than "
                f"{MAX_LOST:.0%}; run again to fill them"
            )
    if e.clustered and e.n_clusters < MIN_CLUSTERS and e.scope in GENERALISING:
        found.append(
            f"the items come from {counted(e.n_clusters, 'cluster')}, at least {MIN_CLUSTERS} are needed "
            "to speak of questions like these; add items from other clusters"
        )
    if e.scope == FIXED and e.noise.se_run is None:
        found.append(
            "a claim about exactly these items rests on run-to-run noise, which is not known: "
            f"{e.noise.reason}; add replications"
        )
    found += e.barred
    if not found and (e.difference is None or e.equivalence is None):
        found.append(e.missing_interval or "no interval exists for these data")
    return list(dict.fromkeys(found))


def flags(e: Evidence, where: str) -> list[Flag]:
    """What must be said beside the verdict."""
    found: list[Flag] = []

    def flag(code: str, message: str) -> None:
        found.append(Flag(code, where, message))

    if MIN_ITEMS <= e.n_items < FEW_ITEMS:
        flag(
            "few_items",
            f"{e.n_items} items: intervals are wide, and only large gaps can be seen.",
        )
    if e.amount is None:
        _discordance(e, flag_into=found, where=where)
    for arm in (e.a, e.b):
        if e.bounded and (arm.mean > CEILING or arm.mean < FLOOR):
            flag(
                "ceiling" if arm.mean > CEILING else "floor",
                f"{quoted(arm.name)} scores {percent(arm.mean)}: {_telling(e)}."
                f"{_clustered_near_the_ends(e)}",
            )
    _losses(e, found, where)
    gap = abs(e.a.truncated - e.b.truncated)
    if gap > TRUNCATION_GAP:
        flag(
            "truncation_gap",
            f"Answers cut off at the token limit: {_shares(e.a, e.b, 'truncated')}. "
            + (
                "A verdict must hold both with them counted as wrong and with them left out."
                if e.amount is None
                else "They count with what they took up to there; whole they would have taken more. A "
                "verdict must hold without their items too, and with them gone on like the other arm's."
            ),
        )
    if abs(e.a.unusable - e.b.unusable) > TRUNCATION_GAP:
        flag(
            "unusable_gap",
            f"Answers that are no usable answer (cut off, refused, empty, abstained, unparseable): "
            f"{_shares(e.a, e.b, 'unusable')}.{_of_events(e)}",
        )
    if e.margin_is_default:
        flag(
            "default_margin",
            f"No margin was declared: the default of {e.unit.amount(e.margin)} is used.",
        )
    if e.clustered and e.n_clusters >= MIN_CLUSTERS and out_of_reach(e):
        among = f" among {e.family} comparisons" if e.family > 1 else ""
        flag(
            "few_clusters",
            f"{e.n_clusters} clusters: the permutation test cannot reach p < {e.alpha:g}{among}.",
        )
    if e.difference is not None and e.p_value is not None:
        excludes_zero = e.difference.low > 0 or e.difference.high < 0
        if excludes_zero != (e.p_value <= e.alpha) and e.scope == ITEMS:
            flag(
                "interval_and_test_differ",
                f"The interval ({e.unit.span(e.difference)}) and the test ({p_text(e.p_value)}) fall on "
                "different sides of the line: only one of them excludes a true "
                f"{'gap of 0' if e.amount is None else 'ratio of 1'}. "
                f"{_decides(e)}.",
            )
        if e.bounded and (e.difference.low < -1 or e.difference.high > 1):
            flag(
                "interval_out_of_range",
                "The interval reaches beyond ±100 points; it is not clipped.",
            )
    found += [Flag(code, where, message) for code, message in e.noted]
    return found


def out_of_reach(e: Evidence) -> bool:
    """Whether the smallest p-value of the cluster sign-flip, 2/2^G, exceeds α in its family."""
    return e.clustered and float(2.0 ** (1 - e.n_clusters)) * e.family > e.alpha


def _exact_counts(e: Evidence) -> str:
    if not e.binary:
        return ""
    a, b = quoted(e.a.name), quoted(e.b.name)
    text = f" ({a} alone right on {e.wins}, {b} alone right on {e.losses}"
    if e.wins + e.losses:
        share = clopper_pearson(e.wins, e.wins + e.losses, 1 - e.alpha)
        text += (
            f"; of the items that differ {a} wins {percent(share.estimate)}, "
            f"exact interval {percent(share.low)} to {percent(share.high)}"
        )
    return text + ")"


def _discordance(e: Evidence, flag_into: list[Flag], where: str) -> None:
    differing = e.wins + e.losses
    if e.n_items and differing == 0:
        bound = (
            f"; the data still allow a gap of {e.unit.span(e.difference)}"
            if e.difference is not None
            else ""
        )
        flag_into.append(
            Flag("no_discordant", where, f"Identical scores on all {e.n_items:,} items{bound}.")
        )
    elif differing < FEW_DISCORDANT and e.n_items:
        flag_into.append(
            Flag(
                "few_discordant",
                where,
                f"{_telling(e).capitalize()}: everything rests on {'it' if differing == 1 else 'them'}.",
            )
        )


def _losses(e: Evidence, found: list[Flag], where: str) -> None:
    if max(e.a.lost, e.b.lost) > LOST_NOTED:
        found.append(
            Flag(
                "lost",
                where,
                f"Lost answers: {_shares(e.a, e.b, 'lost')}. "
                + (
                    "The bounds show what they could change."
                    if e.amount is None
                    else "They count where they were billed; what they would have taken is not known."
                ),
            )
        )
    if e.differential_loss < LOSS_DIFFERS:
        found.append(
            Flag(
                "differential_loss",
                where,
                f"The arms lost answers on different items ({p_text(e.differential_loss)}): "
                "the losses may be no accident.",
            )
        )


def _shares(a: Arm, b: Arm, what: str) -> str:
    first, second = (f"{quoted(arm.name)} {percent(getattr(arm, what))}" for arm in (a, b))
    return f"{first}, {second}"


def _of_events(e: Evidence) -> str:
    """How unusable answers count where a score counts the absence of something."""
    if e.measure is None:
        return ""
    events = e.measure.events
    return (
        f" Refused and empty ones are no {events}. Those that were cut off or cannot be read "
        f"({_shares(e.a, e.b, 'doubtful')}) may have been {events} or not: where the arms differ in them, a "
        "verdict must hold with them counted as such, as none, and left out."
    )


def _telling(e: Evidence) -> str:
    differing = e.wins + e.losses
    tell = "tells" if differing == 1 else "tell"
    return f"only {counted(differing, 'item')} of {e.n_items:,} {tell} the arms apart"


def _clustered_near_the_ends(e: Evidence) -> str:
    """What was measured for CR2 there (docs/methods.md)."""
    if not e.clustered:
        return ""
    return " With clusters, a 95% interval so near the end of the scale may cover only 91 times in 100."


def _decides(e: Evidence) -> str:
    if e.family > 1:
        return "Among several comparisons a direction is only spoken if the test supports it"
    if e.copies_held:
        return "Where copies are held together a direction is only spoken if the test supports it"
    return "The verdict goes by the interval"
