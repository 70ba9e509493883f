"""The sentences of a contrast that is to show that A is not worse than B by the margin (non-inferiority).

A gain or equality is said beside it at no price: all three are about one difference, in nested hypotheses
(closed testing). A loss is spoken as that of any contrast, in `sentences`.
"""

from splitplot.inference.evidence import Evidence
from splitplot.inference.noise import items_to_settle
from splitplot.inference.sentences import every_one, more_items, speaks_of, within
from splitplot.inference.voice import DATASETS, FIXED, PROMPTS
from splitplot.inference.wording import level_text, quoted

NARROWED_BY = {FIXED: "replications", PROMPTS: "prompts", DATASETS: "datasets"}


def not_worse(e: Evidence, further: Evidence) -> str:
    """That A is not worse by the margin, with what else the intervals of `further` show: a gain, equality.

    further: the evidence at a level that holds for all that is said of its family.
    """
    assert e.difference is not None
    assert further.difference is not None and further.equivalence is not None
    a, b, where, voice = quoted(e.a.name), quoted(e.b.name), speaks_of(e), e.voice
    equal = -e.margin < further.equivalence.low and further.equivalence.high < e.margin
    level = f"{level_text(further.equivalence.level)} interval"
    limits = e.unit.limits(further.equivalence)
    if further.difference.low > 0:
        said = f"{voice.no_loss_but_gain(a, b, e.unit.span(further.difference), where)}."
        if further.difference.low > e.margin:
            return f"{said} Even the least of that is more than {within(e)}."
        if equal:
            return f"{said} It is a gain of less than {within(e)} ({level} {limits})."
        return said
    said = f"{voice.no_loss(a, b, within(e), where)}: {voice.subject} {_reach(e, further)}."
    if equal:
        said += (
            f" Neither is it ahead by that much: the gap is within {within(e)} ({level} {limits})."
        )
    return said


def _reach(e: Evidence, further: Evidence) -> str:
    """Where A may lie: by its own interval, unless that has a direction which the others do not leave it."""
    own, among = e.difference, further.difference
    assert own is not None and among is not None
    if own.low <= 0 <= own.high or not among.low <= 0 <= among.high:
        return e.voice.reach(e.unit, own)
    reach = further.voice.reach(further.unit, among)
    if e.together is None:
        return reach
    level = level_text(among.level)
    return f"{reach} ({level} interval, which holds among {e.family} comparisons)"


def open_loss(e: Evidence) -> str:
    """That a loss of the margin cannot be excluded, and what would settle it."""
    assert e.difference is not None
    a, b, margin = quoted(e.a.name), quoted(e.b.name), within(e)
    voice = e.voice
    return (
        f"The data cannot exclude that {voice.loss(a, b, margin)} {speaks_of(e)}: {a} {voice.may} "
        f"{voice.reach(e.unit, e.difference)}.{_how_to_exclude(e)}"
    )


def worse_not_sized(e: Evidence) -> str:
    """What a loss of unknown size means for the aim, after its sentence. With a space before it."""
    return f" A loss of more than {within(e)} cannot be excluded."


def among_many(e: Evidence) -> str:
    """That no loss of the margin is shown once all comparisons are counted."""
    assert e.difference is not None
    a, b, voice = quoted(e.a.name), quoted(e.b.name), e.voice
    return (
        f"The data cannot tell {voice.either_loss(a, b, within(e))} {speaks_of(e)} once {every_one(e)} "
        f"comparisons are counted. Taken alone, {a} {voice.may} {voice.reach(e.unit, e.difference)}, which "
        f"leaves such a loss out, but with {e.family} comparisons that turns up too easily by chance."
    )


def by_copies(e: Evidence) -> str:
    """That the interval leaves a loss out and the test does not, with copies as one cluster."""
    assert e.difference is not None
    a, b, voice = quoted(e.a.name), quoted(e.b.name), e.voice
    return (
        f"The data cannot tell {voice.either_loss(a, b, within(e))} {speaks_of(e)}: the interval, "
        f"{e.unit.span(e.difference)}, leaves such a loss out, but the test that takes copies of an item "
        "as one does not."
    )


def _how_to_exclude(e: Evidence) -> str:
    """How many more items; with a space before it, "" where nothing can be said."""
    assert e.difference is not None
    if e.scope in NARROWED_BY:
        return f" More {NARROWED_BY[e.scope]} would narrow this."
    needed = e.items_needed
    if needed is not None and needed > e.n_items:
        more = more_items(needed - e.n_items)
        return (
            f" About {more} like these would exclude it 8 times in 10, were the two in truth alike."
        )
    needed = items_to_settle(e.difference, e.n_items, e.margin)
    if needed is None or needed <= e.n_items:
        return ""
    return f" About {more_items(needed - e.n_items)} like these would settle it."
