"""The verdict on one contrast: a word, the reasons behind it, and a sentence in plain words.

| from the interval L…U of A − B and the margin δ | word                 |
|-------------------------------------------------|----------------------|
| a refusal of `checks`                           | NO VERDICT           |
| L > δ                                           | BETTER               |
| 90 % interval inside ±δ                         | EQUIVALENT           |
| 0 < L ≤ δ                                       | BETTER, SIZE OPEN    |
| U < δ, 0 inside                                 | NOT BETTER BY MARGIN |
| 0 inside, U beyond δ                            | NOT SETTLED          |

WORSE and WORSE, SIZE OPEN are BETTER and BETTER, SIZE OPEN of B over A. A difference that is reliable
and also inside the margin is EQUIVALENT, with a sentence that says both.
"""

from dataclasses import dataclass, replace

from splitplot.inference.checks import refusals
from splitplot.inference.evidence import FIXED, Evidence, Rival
from splitplot.inference.intervals import Interval
from splitplot.inference.noise import items_to_settle
from splitplot.inference.wording import counted, p_text

BETTER = "BETTER"
BETTER_SIZE_OPEN = "BETTER, SIZE OPEN"
EQUIVALENT = "EQUIVALENT"
NOT_SETTLED = "NOT SETTLED"
NOT_BETTER = "NOT BETTER BY MARGIN"
WORSE = "WORSE"
WORSE_SIZE_OPEN = "WORSE, SIZE OPEN"
NO_VERDICT = "NO VERDICT"

DIRECTIONAL = (BETTER, BETTER_SIZE_OPEN, WORSE, WORSE_SIZE_OPEN)


@dataclass(frozen=True)
class Verdict:
    """word: one of the constants above. reasons: what it rests on, a sentence each. sentence: for people."""

    word: str
    reasons: tuple[str, ...]
    sentence: str


def decide(difference: Interval, equivalence: Interval, margin: float) -> str:
    """The word for these intervals of A − B, by the table above, refusals aside."""
    low, high = difference.low, difference.high
    if low > margin:
        return BETTER
    if high < -margin:
        return WORSE
    if -margin < equivalence.low and equivalence.high < margin:
        return EQUIVALENT
    if low > 0:
        return BETTER_SIZE_OPEN
    if high < 0:
        return WORSE_SIZE_OPEN
    return NOT_BETTER if high < margin else NOT_SETTLED


def speak(e: Evidence) -> Verdict:
    """The verdict on a contrast. The word must hold under every analysis in `e.rivals`: where one of
    them says another word, the verdict is that of the interval which spans them all; and a direction
    must hold among all comparisons declared together (Holm)."""
    refused = refusals(e)
    if refused or e.difference is None or e.equivalence is None:
        sentence = f"No verdict on {e.a.name} against {e.b.name}: {'; also, '.join(refused)}."
        return Verdict(
            NO_VERDICT, tuple(_sentence(clause) for clause in refused), _tagged(e, sentence)
        )
    alone = decide(e.difference, e.equivalence, e.margin)
    reasons = [f"{e.difference.method}: {e.unit.span(e.difference)} for {e.a.name} − {e.b.name}."]
    spread = _spanning(e, alone)
    word = decide(spread.difference, spread.equivalence, e.margin)
    if spread.name:
        reasons.append(f"The verdict depends on the analysis; with {spread.name}: {word}.")
    if word in DIRECTIONAL and e.p_adjusted is not None and e.p_adjusted > e.alpha:
        reasons.append(
            f"Alone the interval excludes 0, but not among {e.family} comparisons "
            f"({p_text(e.p_adjusted)} after Holm)."
        )
        sentence = _among_many(e)
        return Verdict(NOT_SETTLED, tuple(reasons), _finished(e, sentence))
    spoken = replace(e, difference=spread.difference, equivalence=spread.equivalence)
    sentence = _plain(spoken, word)
    if spread.name:
        sentence += f" This is the span over the analyses: also {spread.name}."
    return Verdict(word, tuple(reasons), _finished(e, sentence))


def _spanning(e: Evidence, word: str) -> Rival:
    """The smallest intervals that hold those of the contrast and of every rival that disagrees with it."""
    assert e.difference is not None and e.equivalence is not None
    difference, equivalence, names = e.difference, e.equivalence, []
    for rival in e.rivals:
        if decide(rival.difference, rival.equivalence, e.margin) == word:
            continue
        names.append(f"{rival.name} ({e.unit.span(rival.difference)})")
        difference = _span(difference, rival.difference)
        equivalence = _span(equivalence, rival.equivalence)
    return Rival(" and ".join(names), difference, equivalence)


def _span(one: Interval, other: Interval) -> Interval:
    return replace(one, low=min(one.low, other.low), high=max(one.high, other.high))


def _plain(e: Evidence, word: str) -> str:
    """The sentence of the table, in points and with the direction."""
    assert e.difference is not None and e.equivalence is not None
    if word in (WORSE, WORSE_SIZE_OPEN) or (word == EQUIVALENT and e.difference.high < 0):
        e = _turned(e)
        word = BETTER if word == WORSE else BETTER_SIZE_OPEN if word == WORSE_SIZE_OPEN else word
    assert e.difference is not None and e.equivalence is not None
    a, b, unit, where = e.a.name, e.b.name, e.unit, _scope_phrase(e)
    margin = unit.amount(e.margin)
    said = "the default margin" if e.margin_is_default else "the margin that was set"
    span = unit.span(e.difference)
    if word == BETTER:
        sentence = f"{a} is better than {b} by {span} {where}."
        noise = e.noise.half_width
        beyond_noise = noise is not None and e.difference.low > noise
        larger = [
            clause
            for clause, holds in (
                ("than run-to-run noise", beyond_noise),
                (f"than {said} of {margin}", e.margin > 0),
            )
            if holds
        ]
        return sentence + (f" This is larger {' and larger '.join(larger)}." if larger else "")
    if word == BETTER_SIZE_OPEN:
        matter = (
            f"{said} of {margin}" if e.margin_is_default else f"the {margin} that you said matter"
        )
        return (
            f"{a} is better than {b} by {span} {where}, but the gain may be smaller than {matter}."
        )
    if word == EQUIVALENT:
        inside = unit.span(e.equivalence)
        if e.difference.low > 0:
            return (
                f"{a} is reliably better than {b}, by too little to matter: {inside} {where}, "
                f"inside {said} of {margin}."
            )
        return (
            f"{a} and {b} are the same within {margin} {where}: "
            f"the {100 * e.equivalence.level:.0f}% interval of {a} − {b} is {inside}."
        )
    if word == NOT_BETTER:
        return f"{a} does not beat {b} by {margin} or more {where}: {a} − {b} is {span}."
    return _not_settled(e)


def _not_settled(e: Evidence) -> str:
    assert e.difference is not None
    a, b, unit = e.a.name, e.b.name, e.unit
    parts = [
        f"The data cannot tell {a} from {b} {_scope_phrase(e)}.",
        f"The observed gap, {_gap(e)}, is within noise: {a} − {b} is {unit.span(e.difference)}"
        + (
            f" (this study could reliably see only gaps above {unit.amount(e.smallest_detectable)})."
            if e.smallest_detectable is not None
            else "."
        ),
    ]
    if e.margin > 0 and e.difference.low > -e.margin:
        parts.append(f"{b} does not beat {a} by {unit.amount(e.margin)} or more.")
    parts.append(_how_to_settle(e))
    return " ".join(part for part in parts if part)


def _how_to_settle(e: Evidence) -> str:
    """How many more items; by the width of the interval where the power formula is met already."""
    assert e.difference is not None
    if e.scope == FIXED:
        return "More replications would narrow it."
    needed = e.items_needed
    if needed is None or needed <= e.n_items:
        needed = items_to_settle(e.difference, e.n_items, e.margin)
    if needed is None or needed <= e.n_items:
        return ""
    more = _round_up(needed - e.n_items)
    noun = "item" if more == 1 else "items"
    return f"About {more:,} more {noun} like these would settle a gap of {e.unit.amount(e.margin)}."


def _round_up(number: int) -> int:
    """Two significant digits, upwards: a forecast is not exact to the item."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def _among_many(e: Evidence) -> str:
    assert e.difference is not None
    return (
        f"The data cannot tell {e.a.name} from {e.b.name} among {e.family} comparisons. Alone, "
        f"{e.a.name} − {e.b.name} is {e.unit.span(e.difference)} {_scope_phrase(e)}, "
        "but with so many comparisons a gap like this turns up by chance."
    )


def _finished(e: Evidence, sentence: str) -> str:
    """The tag of simulated answers first, the p-value last."""
    text = _tagged(e, sentence)
    if e.p_value is None:
        return text
    p_values = p_text(e.p_value)
    if e.p_adjusted is not None and e.family > 1:
        p_values += f"; {p_text(e.p_adjusted)} after Holm for {counted(e.family, 'comparison')}"
    return f"{text.removesuffix('.')} ({p_values})."


def _tagged(e: Evidence, sentence: str) -> str:
    return f"[Simulated answers] {sentence}" if e.simulated else sentence


def _gap(e: Evidence) -> str:
    """The observed gap with its direction in words."""
    assert e.difference is not None
    size = e.difference.estimate
    text = e.unit.amount(abs(size))
    if e.unit.number(abs(size)) == "0":
        return text
    return f"{text} for {e.a.name if size > 0 else e.b.name}"


def _scope_phrase(e: Evidence) -> str:
    return "on exactly these questions" if e.scope == FIXED else "on questions like these"


def _turned(e: Evidence) -> Evidence:
    """The same contrast as B − A."""
    assert e.difference is not None and e.equivalence is not None
    return replace(
        e,
        a=e.b,
        b=e.a,
        difference=e.difference.mirrored(),
        equivalence=e.equivalence.mirrored(),
        wins=e.losses,
        losses=e.wins,
    )


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:] + "."
