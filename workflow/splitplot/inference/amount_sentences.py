"""The sentences of a verdict on tokens, dollars or seconds: who takes less, and what share is saved.

A saving is always that of the arm that takes less, as a share of what the other arm takes. So a margin of
a tenth means the same in both directions, and no sentence says "better" of a number that is low.
"""

from collections.abc import Sequence
from math import isfinite

from splitplot.amounts import Amount
from splitplot.inference.checks import TRUNCATION_GAP, out_of_reach
from splitplot.inference.evidence import FIXED, Evidence, Rival
from splitplot.inference.intervals import Interval
from splitplot.inference.noise import items_to_settle
from splitplot.inference.sentences import (
    HOWEVER,
    TOPICS,
    declared,
    known,
    more_items,
    remedy,
    shares,
    speaks_of,
    turned,
)
from splitplot.inference.wording import level_text, listed, quoted
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    EQUIVALENT,
    NOT_BETTER,
    WORSE,
    WORSE_SIZE_OPEN,
)


def plain(e: Evidence, word: str, *, direction_holds: bool = True) -> str:
    """As `sentences.plain`, for evidence of an amount: its differences are log(B/A)."""
    return _claim(e, word, direction_holds) + unusable(e)


def unusable(e: Evidence) -> str:
    """Of what share of the answers the amounts are those of no usable answer, where the arms differ in
    it: an arm that refuses is not short. With a space before it; "" where there is nothing to say."""
    if abs(e.a.unusable - e.b.unusable) <= TRUNCATION_GAP:
        return ""
    return (
        f" {shares(e, 'unusable')} were no usable answers (cut off, refused, empty …), and count with what "
        "they took."
    )


def depends(e: Evidence, rivals: Sequence[Rival]) -> str:
    """As `sentences.depends`."""
    assert e.difference is not None
    others = [f"{_took(e, rival.difference)} {rival.supposing}" for rival in rivals]
    own = f"{_took(e, e.difference, level=True)} {declared(rivals, amount=True)}"
    return (
        f"The verdict on {quoted(e.a.name)} against {quoted(e.b.name)} {speaks_of(e)}"
        f"{',' if e.averaged_over else ''} depends on {' and on '.join(known(TOPICS, rivals))}. "
        f"{own}, but {listed(others)}. {remedy(e, rivals)}"
    )


def span_note(e: Evidence, rivals: Sequence[Rival]) -> str:
    """As `sentences.span_note`."""
    assert e.difference is not None
    found = [(e.difference, declared(rivals, amount=True))]
    found += [(rival.difference, rival.supposing) for rival in rivals]
    name = quoted(e.a.name)
    if e.difference.estimate < 0:
        name, found = quoted(e.b.name), [(one.mirrored(), when) for one, when in found]
    each = listed([f"{e.unit.limits(one)} {when}" for one, when in found])
    return f"This holds {' and '.join(known(HOWEVER, rivals))}: {name} saves {each}."


def _claim(e: Evidence, word: str, direction_holds: bool) -> str:
    assert e.difference is not None and e.equivalence is not None
    if word in (WORSE, WORSE_SIZE_OPEN) or (word == EQUIVALENT and e.difference.high < 0):
        e = turned(e)
        word = {WORSE: BETTER, WORSE_SIZE_OPEN: BETTER_SIZE_OPEN}.get(word, word)
    assert e.difference is not None and e.equivalence is not None
    amount, a, b, where = _amount(e), quoted(e.a.name), quoted(e.b.name), speaks_of(e)
    if e.difference.low == e.difference.high:
        return _without_noise(e)
    claim = f"{a} is {amount.word} than {b} {where}: it {amount.verb} {_less(e, e.difference)}"
    if word == BETTER:
        least = e.unit.amount(e.difference.low)
        return f"{claim}. Even {least} would be more than {_margin(e, 'that you set')}."
    if word == BETTER_SIZE_OPEN:
        return f"{claim}, but perhaps by less than {_margin(e, 'that you said matter')}."
    if word == EQUIVALENT:
        level = f"{level_text(e.equivalence.level)} interval"
        if e.difference.low > 0 and direction_holds:
            return (
                f"{a} is reliably {amount.word} than {b} {where}, but by too little to matter: it "
                f"{amount.verb} {e.unit.amount(max(e.equivalence.low, 0.0))} to "
                f"{e.unit.amount(e.equivalence.high)} {amount.fewer} ({level}), less than "
                f"{_margin(e, 'that you set')}."
            )
        default = "the default margin of " if e.margin_is_default else ""
        return (
            f"{a} and {b} {amount.same} within {default}{e.unit.amount(e.margin)} {where}: "
            f"{_reach(e, e.equivalence)} ({level})."
        )
    if word == NOT_BETTER:
        return (
            f"{a} does not save {e.unit.amount(e.margin)} or more of the {amount.noun} of {b} "
            f"{where}: {_reach(e, e.difference)}."
        )
    return _not_settled(e)


def among_many(e: Evidence) -> str:
    """As `sentences.among_many`: a direction that does not hold once all comparisons are counted."""
    return _too_many(e) + unusable(e)


def _too_many(e: Evidence) -> str:
    assert e.difference is not None
    ahead = turned(e) if e.difference.high < 0 else e
    assert ahead.difference is not None
    amount, a, b = _amount(e), quoted(ahead.a.name), quoted(ahead.b.name)
    found = f"{amount.verb} {_less(ahead, ahead.difference)} than {b} {speaks_of(e)}"
    if out_of_reach(e):
        return (
            f"{a} {found}, but with {e.n_clusters} clusters and {e.family} comparisons the permutation "
            "test cannot confirm any saving, however large. More clusters would."
        )
    every = "both" if e.family == 2 else f"all {e.family}"
    return (
        f"The data cannot tell which of {quoted(e.a.name)} and {quoted(e.b.name)} is {amount.word} once "
        f"{every} comparisons are counted. Taken alone, {a} {found}, but with {e.family} comparisons such "
        "a saving turns up too easily by chance."
    )


def by_copies(e: Evidence) -> str:
    """As `sentences.by_copies`: a direction that the test does not confirm, with copies as one cluster."""
    assert e.difference is not None
    ahead = turned(e) if e.difference.high < 0 else e
    assert ahead.difference is not None
    amount, a, b = _amount(e), quoted(ahead.a.name), quoted(ahead.b.name)
    return (
        f"The data cannot tell which of {quoted(e.a.name)} and {quoted(e.b.name)} is {amount.word}: {a} "
        f"{amount.verb} {_less(ahead, ahead.difference)} than {b} {speaks_of(e)}, but the test that takes "
        f"copies of an item as one does not confirm it.{unusable(e)}"
    )


def _not_settled(e: Evidence) -> str:
    assert e.difference is not None
    amount, a, b = _amount(e), quoted(e.a.name), quoted(e.b.name)
    estimate, unit = e.difference.estimate, e.unit
    first = f"The data cannot tell which of {a} and {b} is {amount.word} {speaks_of(e)}."
    who = a if estimate > 0 else b
    gap = f"The observed saving, {unit.amount(abs(estimate))} with {who}, is within noise"
    parts = [first, f"{gap}: {_reach(e, e.difference)}."]
    if e.smallest_detectable is not None:
        seen = unit.amount(e.smallest_detectable)
        parts.append(f"This study could reliably see only savings above {seen}.")
    if e.difference.low > -e.margin:
        parts.append(f"{b} does not save {unit.amount(e.margin)} or more.")
    parts.append(_how_to_settle(e))
    return " ".join(part for part in parts if part)


def _how_to_settle(e: Evidence) -> str:
    assert e.difference is not None
    if e.scope == FIXED:
        return "More replications would narrow this."
    margin = e.unit.amount(e.margin)
    if e.items_needed is not None and e.items_needed > e.n_items:
        more = more_items(e.items_needed - e.n_items)
        return f"About {more} like these would show a saving of {margin} 8 times in 10."
    if not isfinite(e.difference.high - e.difference.low):
        return ""
    needed = items_to_settle(e.difference, e.n_items, e.margin)
    if needed is None or needed <= e.n_items:
        return ""
    return f"About {more_items(needed - e.n_items)} like these would settle a saving of {margin}."


def _without_noise(e: Evidence) -> str:
    """Exactly these items, and answers that never vary."""
    assert e.difference is not None
    amount, estimate = _amount(e), e.difference.estimate
    a, b = quoted(e.a.name), quoted(e.b.name)
    if abs(estimate) < 1e-9:
        found = f"{a} and {b} {amount.same} {speaks_of(e)}"
    else:
        ahead, behind = (a, b) if estimate > 0 else (b, a)
        found = (
            f"{ahead} {amount.verb} {e.unit.amount(abs(estimate))} {amount.fewer} than {behind} "
            f"{speaks_of(e)}"
        )
        if abs(estimate) < e.margin:
            found += f", less than {_margin(e, 'that you set')}"
    return f"{found}. The answers are the same in every run, so nothing is uncertain about it."


def _took(e: Evidence, interval: Interval, *, level: bool = False) -> str:
    """ "“a” uses 23.0% fewer output tokens (15.0% to 30.0%)", of the arm that took less."""
    name = quoted(e.a.name if interval.estimate >= 0 else e.b.name)
    interval = interval if interval.estimate >= 0 else interval.mirrored()
    limits = f"{level_text(interval.level)} interval " if level else ""
    amount = _amount(e)
    return (
        f"{name} {amount.verb} {e.unit.amount(interval.estimate)} {amount.fewer} "
        f"({limits}{e.unit.limits(interval)})"
    )


def _less(e: Evidence, interval: Interval) -> str:
    """ "23.0% fewer output tokens (95% interval 15.0% to 30.0%)"."""
    unit = e.unit
    return (
        f"{unit.amount(interval.estimate)} {_amount(e).fewer} ({level_text(interval.level)} interval "
        f"{unit.amount(interval.low)} to {unit.amount(interval.high)})"
    )


def _reach(e: Evidence, interval: Interval) -> str:
    """Where the saving may lie: "the saving may be anything from 9.5% with “b” to 3.0% with “a”"."""
    a, b, low, high = quoted(e.a.name), quoted(e.b.name), interval.low, interval.high
    unit = e.unit
    if low < 0 < high:
        return (
            f"the saving may be anything from {unit.amount(-low)} with {b} to {unit.amount(high)} "
            f"with {a}"
        )
    if low >= 0:
        return f"{a} saves {unit.amount(low)} to {unit.amount(high)}"
    return f"{b} saves {unit.amount(-high)} to {unit.amount(-low)}"


def _margin(e: Evidence, chosen: str) -> str:
    margin = e.unit.amount(e.margin)
    return f"the default margin of {margin}" if e.margin_is_default else f"the {margin} {chosen}"


def _amount(e: Evidence) -> Amount:
    assert e.amount is not None, "evidence of a score has the sentences of `sentences`"
    return e.amount
