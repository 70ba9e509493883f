"""The verdict on one contrast: a word, the reasons behind it, and a sentence in plain words.

| from the interval L…U of A − B and the margin δ | word                 |
|-------------------------------------------------|----------------------|
| a refusal of `checks`                           | NO VERDICT           |
| the sign turns with another factor              | CONDITIONAL          |
| L > δ                                           | BETTER               |
| 90 % interval inside ±δ                         | EQUIVALENT           |
| 0 < L ≤ δ                                       | BETTER, SIZE OPEN    |
| U < δ, 0 inside                                 | NOT BETTER BY MARGIN |
| 0 inside, U beyond δ                            | NOT SETTLED          |

Where the aim is non-inferiority: L > −δ is NON-INFERIOR, U < −δ WORSE, −δ ≤ U < 0 WORSE, SIZE OPEN, and
anything else NOT SETTLED.

WORSE and WORSE, SIZE OPEN are BETTER and BETTER, SIZE OPEN of B over A. A difference that is reliable
and also inside the margin is EQUIVALENT, with a sentence that says both. The sentences are in `sentences`;
those on amounts, whose differences are log(B/A), so that BETTER is the arm that takes less, in
`amount_sentences`; those of non-inferiority in `aim_sentences`.
"""

from dataclasses import dataclass, replace
from math import exp

from splitplot.inference import aim_sentences, amount_sentences, sentences
from splitplot.inference.checks import refusals
from splitplot.inference.evidence import ITEMS, Evidence, Rival
from splitplot.inference.intervals import Interval
from splitplot.inference.sentences import (
    conditional,
    finished,
    refused,
)
from splitplot.inference.wording import level_text, p_text, quoted
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    CONDITIONAL,
    DIFFERENCE,
    DIRECTIONAL,
    EQUIVALENT,
    NO_VERDICT,
    NON_INFERIOR,
    NON_INFERIORITY,
    NOT_BETTER,
    NOT_SETTLED,
    SIZED,
    WORSE,
    WORSE_SIZE_OPEN,
)


@dataclass(frozen=True)
class Verdict:
    """word: one of the constants above. reasons: what it rests on, a sentence each. sentence: for people."""

    word: str
    reasons: tuple[str, ...]
    sentence: str


def decide(
    difference: Interval, equivalence: Interval, margin: float, aim: str = DIFFERENCE
) -> str:
    """The word for these intervals of A − B, by the table above, refusals aside."""
    low, high = difference.low, difference.high
    if aim == NON_INFERIORITY:
        if low > -margin:
            return NON_INFERIOR
        if high < -margin:
            return WORSE
        return WORSE_SIZE_OPEN if high < 0 else NOT_SETTLED
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
    must hold among all comparisons of its family, and by its test where copies are held together."""
    barred, spoken = refusals(e), sentences if e.amount is None else amount_sentences
    if barred or e.difference is None or e.equivalence is None:
        reasons = tuple(clause[0].upper() + clause[1:] + "." for clause in barred)
        return Verdict(NO_VERDICT, reasons, refused(e, barred))
    alone = decide(e.difference, e.equivalence, e.margin, e.aim)
    if e.conditional is not None:
        reasons = _reasons(e, alone, (), alone)
        return Verdict(CONDITIONAL, (*reasons, e.conditional), conditional(e))
    rivals = tuple(
        rival
        for rival in e.rivals
        if decide(rival.difference, rival.equivalence, e.margin, e.aim) != alone
    )
    spanning = _protected(_spanning(e, rivals))
    assert spanning.difference is not None and spanning.equivalence is not None
    word = decide(spanning.difference, spanning.equivalence, e.margin, e.aim)
    reasons = _reasons(e, alone, rivals, word)
    if e.aim == NON_INFERIORITY:
        return _on_loss(e, alone, rivals, spanning, word, reasons)
    tested = e.family > 1 or (e.copies_held and e.scope == ITEMS)
    p_value = e.p_value if e.p_adjusted is None else e.p_adjusted
    holds = not tested or p_value is None or p_value <= e.alpha
    if not holds and (word in DIRECTIONAL or (word == NOT_SETTLED and alone in DIRECTIONAL)):
        assert p_value is not None
        alone_says = f"Alone the interval excludes {0 if e.amount is None else 1}"
        shown = spanning if word in DIRECTIONAL else e
        if e.family == 1:
            reasons += (
                f"{alone_says}, but the test with copies as one cluster does not ({p_text(p_value)}).",
            )
            return Verdict(NOT_SETTLED, reasons, finished(e, spoken.by_copies(shown)))
        reasons += (
            f"{alone_says}, but not among {e.family} comparisons "
            f"({p_text(p_value)} after {e.adjustment}).",
        )
        return Verdict(NOT_SETTLED, reasons, finished(e, spoken.among_many(shown)))
    if word == NOT_SETTLED and rivals:
        return Verdict(word, reasons, finished(e, spoken.depends(e, rivals), rivals))
    reasons += _among(e, rivals, spanning)
    sentence = spoken.plain(spanning, word, direction_holds=holds)
    if rivals:
        sentence += " " + spoken.span_note(e, rivals)
    return Verdict(word, reasons, finished(e, sentence, rivals))


def _on_loss(
    e: Evidence,
    alone: str,
    rivals: tuple[Rival, ...],
    spanning: Evidence,
    word: str,
    reasons: tuple[str, ...],
) -> Verdict:
    """The verdict where the aim is non-inferiority: the word must hold by the p-value of its own test as it
    is adjusted; whatever else is said, by intervals at a level that holds for the whole family."""
    p_value = e.p_family if e.p_adjusted is None else e.p_adjusted
    tested = e.family > 1 or (e.copies_held and e.scope == ITEMS)
    holds = not tested or p_value is None or p_value <= e.alpha
    if not holds and NON_INFERIOR in (word, alone) and word in (NON_INFERIOR, NOT_SETTLED):
        assert p_value is not None
        shown = spanning if word == NON_INFERIOR else e
        many = e.family > 1
        why = (
            f"not among {e.family} comparisons ({p_text(p_value)} after {e.adjustment})"
            if many
            else f"the test with copies as one cluster does not ({p_text(p_value)})"
        )
        reasons += (f"Alone the interval excludes a loss of the margin, but {why}.",)
        said = aim_sentences.among_many(shown) if many else aim_sentences.by_copies(shown)
        return Verdict(NOT_SETTLED, reasons, finished(e, said))
    two_sided = e.p_value is None or e.p_value <= e.alpha
    if word in DIRECTIONAL and e.copies_held and e.scope == ITEMS and not two_sided:
        return Verdict(NOT_SETTLED, reasons, finished(e, sentences.by_copies(spanning)))
    if word == NOT_SETTLED and rivals:
        return Verdict(word, reasons, finished(e, sentences.depends(e, rivals), rivals))
    if word == NON_INFERIOR:
        sentence = aim_sentences.not_worse(spanning, _further(spanning, two_sided))
    elif word == NOT_SETTLED:
        sentence = aim_sentences.open_loss(spanning)
    else:
        reasons += _among(e, rivals, spanning)
        sentence = sentences.plain(spanning, word)
        if word == WORSE_SIZE_OPEN:
            sentence += aim_sentences.worse_not_sized(e)
    if rivals:
        sentence += " " + sentences.span_note(e, rivals)
    return Verdict(word, reasons, finished(e, sentence, rivals))


def _further(e: Evidence, two_sided: bool) -> Evidence:
    """The evidence by which more than the aim may be said: with the intervals of the whole family, and a
    gain only where copies that are held together do not carry it alone."""
    assert e.difference is not None and e.equivalence is not None
    if e.together is not None:
        difference, equivalence = e.together
        e = replace(
            e,
            difference=_span(difference, e.difference),
            equivalence=_span(equivalence, e.equivalence),
        )
    assert e.difference is not None
    if e.copies_held and e.scope == ITEMS and not two_sided:
        e = replace(e, difference=replace(e.difference, low=min(e.difference.low, 0.0)))
    return e


def _among(e: Evidence, rivals: tuple[Rival, ...], spanning: Evidence) -> tuple[str, ...]:
    """That what is claimed goes by a wider interval, where there are several comparisons and it does."""
    if e.together is None or spanning.difference == _spanning(e, rivals).difference:
        return ()
    what = "a loss" if e.aim == NON_INFERIORITY else "a size"
    return (
        f"Among {e.family} comparisons {what} is only claimed by an interval that holds for all of them: "
        f"{_said(e, e.together[0])}.",
    )


def _protected(e: Evidence) -> Evidence:
    """The evidence by which a size is claimed: among several comparisons, beyond the margin or within it
    only by intervals at a level that holds for all of them. A direction goes by its adjusted p-value."""
    assert e.difference is not None and e.equivalence is not None
    guarded = DIRECTIONAL if e.aim == NON_INFERIORITY else SIZED
    if e.together is None or decide(e.difference, e.equivalence, e.margin, e.aim) not in guarded:
        return e
    difference, equivalence = e.together
    return replace(
        e,
        difference=_span(difference, e.difference),
        equivalence=_span(equivalence, e.equivalence),
    )


def _spanning(e: Evidence, rivals: tuple[Rival, ...]) -> Evidence:
    """The evidence with the smallest intervals that hold those of the contrast and of these rivals."""
    difference, equivalence = e.difference, e.equivalence
    assert difference is not None and equivalence is not None
    for rival in rivals:
        difference = _span(difference, rival.difference)
        equivalence = _span(equivalence, rival.equivalence)
    return replace(e, difference=difference, equivalence=equivalence)


def _span(one: Interval, other: Interval) -> Interval:
    return replace(one, low=min(one.low, other.low), high=max(one.high, other.high))


def _reasons(e: Evidence, alone: str, rivals: tuple[Rival, ...], word: str) -> tuple[str, ...]:
    """What each analysis says by itself, and that the verdict is the one that holds over all."""
    assert e.difference is not None
    if e.amount is None:
        arms = e.voice.gap(quoted(e.a.name), quoted(e.b.name))
    else:
        arms = f"{quoted(e.a.name)} over {quoted(e.b.name)} is"
    first = f"{_capital(e.difference.method)}: {arms} {_said(e, e.difference)}"
    if not rivals:
        return (f"{first}.",)
    return (
        f"{first}; by itself {alone}.",
        *(
            f"{_capital(rival.name)}: {_said(e, rival.difference)}; by itself "
            f"{decide(rival.difference, rival.equivalence, e.margin, e.aim)}."
            for rival in rivals
        ),
        f"The verdict is the one that holds over all of these: {word}.",
    )


def _said(e: Evidence, interval: Interval) -> str:
    if e.amount is not None:
        low, high = (f"{exp(-end):.3g}" for end in (interval.high, interval.low))
        return (
            f"{exp(-interval.estimate):.3g}, {level_text(interval.level)} interval {low} to {high}"
        )
    return (
        f"{e.unit.amount(interval.estimate)}, {level_text(interval.level)} interval "
        f"{e.unit.limits(interval)}"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
