"""The sentences of a verdict, for people who read nothing else: direction in words, sizes in points.

Names of arms stand in quotation marks, all numbers of a sentence have the same decimals, the p-value
comes last and says what it belongs to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from splitplot.inference.checks import out_of_reach
from splitplot.inference.evidence import (
    DATASETS,
    DOUBTFUL,
    FIXED,
    LOST,
    PROMPTS,
    TRUNCATED,
    UNUSABLE,
    Evidence,
    Rival,
)
from splitplot.inference.intervals import Interval
from splitplot.inference.noise import items_to_settle
from splitplot.inference.wording import counted, level_text, listed, p_text, percent, quoted
from splitplot.inference.words import (
    BETTER,
    BETTER_SIZE_OPEN,
    EQUIVALENT,
    NON_INFERIORITY,
    NOT_BETTER,
    WORSE,
    WORSE_SIZE_OPEN,
)

NARROWED_BY = {FIXED: "replications", PROMPTS: "prompts", DATASETS: "datasets"}
"""What there are too few of at each scope but that of items, where a number of them is forecast."""

TOPICS = {
    TRUNCATED: "how answers cut off at the token limit are counted",
    UNUSABLE: "how unusable answers are counted",
    LOST: "what the lost answers would have been",
    DOUBTFUL: "how answers that were cut off or cannot be read are counted",
}
HOWEVER = {
    TRUNCATED: "however answers cut off at the token limit are counted",
    UNUSABLE: "however unusable answers are counted",
    LOST: "whatever the lost answers would have been",
    DOUBTFUL: "however answers that were cut off or cannot be read are counted",
}
DECLARED = {
    TRUNCATED: "with cut-off answers counted as wrong",
    UNUSABLE: "with unusable answers left out",
    LOST: "on the answers in hand",
    DOUBTFUL: "with cut-off and unreadable answers counted as wrong",
}
"""How the declared analysis counts what a rival counts otherwise."""
DECLARED_AMOUNTS = {TRUNCATED: "with cut-off answers counted up to where they were cut off"}
"""The same of tokens, dollars and seconds."""


def refused(e: Evidence, reasons: Sequence[str]) -> str:
    """Why there is no verdict."""
    text = (
        f"No verdict on {quoted(e.a.name)} against {quoted(e.b.name)}: {'; also, '.join(reasons)}."
    )
    return _tagged(e, text)


def plain(e: Evidence, word: str, *, direction_holds: bool = True) -> str:
    """The sentence of a word, from the intervals of the evidence.

    direction_holds: whether a direction may be spoken beside EQUIVALENT (Holm).
    """
    assert e.difference is not None and e.equivalence is not None
    if word in (WORSE, WORSE_SIZE_OPEN) or (word == EQUIVALENT and e.difference.high < 0):
        e = turned(e)
        word = {WORSE: BETTER, WORSE_SIZE_OPEN: BETTER_SIZE_OPEN}.get(word, word)
    assert e.difference is not None and e.equivalence is not None
    a, b, where = quoted(e.a.name), quoted(e.b.name), speaks_of(e)
    if e.difference.low == e.difference.high:
        return _without_noise(e)
    voice = e.voice
    if word == BETTER:
        return f"{voice.ahead(a, b, e.unit.span(e.difference), where)}.{_beyond(e)}"
    if word == BETTER_SIZE_OPEN:
        return (
            f"{voice.ahead(a, b, e.unit.span(e.difference), where)}, but perhaps by less than "
            f"{_margin(e, 'that you said matter')}."
        )
    if word == EQUIVALENT:
        level = f"{level_text(e.equivalence.level)} interval"
        if e.difference.low > 0 and direction_holds:
            reliable = voice.reliably(a, b, where, e.unit.span(e.equivalence))
            return f"{reliable} ({level}), less than {_margin(e, 'that you set')}."
        same = voice.same(a, b, within(e), where)
        return f"{same} {voice.reach(e.unit, e.equivalence)} ({level})."
    if word == NOT_BETTER:
        return (
            f"{voice.no_gain(a, b, e.unit.amount(e.margin), where)}: {voice.subject} "
            f"{voice.reach(e.unit, e.difference)}."
        )
    return _not_settled(e)


def depends(e: Evidence, rivals: Sequence[Rival]) -> str:
    """The verdict is open because analyses that are equally defensible disagree: which, and what helps."""
    assert e.difference is not None
    own, others = e.difference, [rival.difference for rival in rivals]
    turn = own.estimate < 0
    ahead = quoted(e.b.name if turn else e.a.name)
    if turn:
        own, others = own.mirrored(), [other.mirrored() for other in others]
    first = f"{_scored(e, own, level=True)} {declared(rivals)}"
    rest = [
        f"{_scored(e, other)} {rival.supposing}"
        for rival, other in zip(rivals, others, strict=True)
    ]
    return (
        f"The verdict on {quoted(e.a.name)} against {quoted(e.b.name)} {speaks_of(e)}"
        f"{',' if e.averaged_over else ''} depends on {' and on '.join(known(TOPICS, rivals))}. "
        f"{e.voice.found(ahead, first)}, but {listed(rest)}. {remedy(e, rivals)}"
    )


def conditional(e: Evidence) -> str:
    """On what the sign depends, with how answers are counted where that could change it; the p-value of
    the sentence is that of the interaction, so none of the average follows."""
    assert e.conditional is not None
    text = e.conditional
    if e.rivals:
        text += f" This is so {declared(e.rivals)}. {remedy(e, e.rivals)}"
    return _tagged(e, text)


def span_note(e: Evidence, rivals: Sequence[Rival]) -> str:
    """That the limits in the sentence before hold over several analyses, and those of each."""
    assert e.difference is not None
    a, b = quoted(e.a.name), quoted(e.b.name)
    found = [(e.difference, declared(rivals)), *((r.difference, r.supposing) for r in rivals)]
    if e.difference.estimate < 0:
        a, b, found = b, a, [(interval.mirrored(), when) for interval, when in found]
    each = listed([f"{e.unit.limits(interval)} {when}" for interval, when in found])
    return f"This holds {' and '.join(known(HOWEVER, rivals))}: {e.voice.gap(a, b)} {each}."


def among_many(e: Evidence) -> str:
    """A direction that does not hold once all comparisons are counted."""
    assert e.difference is not None
    ahead = turned(e) if e.difference.high < 0 else e
    assert ahead.difference is not None
    span, where = e.unit.span(ahead.difference), speaks_of(e)
    if out_of_reach(e):
        return (
            f"{e.voice.lead(quoted(ahead.a.name), quoted(ahead.b.name), span, where)}, but with "
            f"{e.n_clusters} clusters and {e.family} comparisons the permutation test cannot confirm any "
            "gap, however large. More clusters would."
        )
    return (
        f"{e.voice.untold(quoted(e.a.name), quoted(e.b.name))} once {every_one(e)} comparisons are "
        f"counted. Taken alone, {e.voice.alone(quoted(ahead.a.name), span, where)}, but with {e.family} "
        "comparisons such a gap turns up too easily by chance."
    )


def by_copies(e: Evidence) -> str:
    """A direction that the interval shows and the test does not, with copies as one cluster."""
    assert e.difference is not None
    ahead = turned(e) if e.difference.high < 0 else e
    assert ahead.difference is not None
    span, first = e.unit.span(ahead.difference), quoted(ahead.a.name)
    gap = f"{first} is ahead by {span}" if e.measure is None else e.voice.alone(first, span, "")
    return (
        f"{e.voice.untold(quoted(e.a.name), quoted(e.b.name))} {speaks_of(e)}: {gap}, but the test that "
        "takes copies of an item as one does not confirm it."
    )


def finished(e: Evidence, sentence: str, rivals: Sequence[Rival] = ()) -> str:
    """The tag of simulated answers first, the p-value last, with what it belongs to."""
    text = _tagged(e, sentence)
    if e.p_value is None:
        return text
    p_values = _against(e)
    if rivals:
        p_values += f", {declared(rivals, amount=e.amount is not None)}"
    if e.p_adjusted is not None and e.family > 1:
        p_values += (
            f"; {p_text(e.p_adjusted)} after {e.adjustment} for {counted(e.family, 'comparison')}"
        )
    return f"{text} ({p_values})"


def _not_settled(e: Evidence) -> str:
    assert e.difference is not None
    a, b, voice = quoted(e.a.name), quoted(e.b.name), e.voice
    estimate, unit = e.difference.estimate, e.unit
    if abs(estimate) < 1e-9:
        gap = f"{voice.level()}, but {a} {voice.may}"
    else:
        gap = (
            f"The observed gap, {unit.amount(abs(estimate))} in favour of {a if estimate > 0 else b}, "
            f"is within noise: {a} {voice.may}"
        )
    parts = [
        f"{voice.untold(a, b)} {speaks_of(e)}.",
        f"{gap} {voice.reach(unit, e.difference)}.",
    ]
    seen = e.smallest_detectable
    if seen is not None:
        parts.append(f"This study could reliably see only gaps above {unit.amount(seen)}.")
    if e.margin > 0 and e.difference.low > -e.margin:
        parts.append(f"{b} does not beat {a} by {unit.amount(e.margin)} or more.")
    parts.append(_how_to_settle(e))
    return " ".join(part for part in parts if part)


def _how_to_settle(e: Evidence) -> str:
    """How many more items; by the width of the interval where the power formula is met already."""
    assert e.difference is not None
    if e.scope in NARROWED_BY:
        return f"More {NARROWED_BY[e.scope]} would narrow this."
    margin = e.unit.amount(e.margin)
    needed = e.items_needed
    if needed is not None and needed > e.n_items:
        more = more_items(needed - e.n_items)
        return f"About {more} like these would show a gap of {margin} 8 times in 10."
    needed = items_to_settle(e.difference, e.n_items, e.margin)
    if needed is None or needed <= e.n_items:
        return ""
    return f"About {more_items(needed - e.n_items)} like these would settle a gap of {margin}."


def more_items(number: int) -> str:
    """ "120 more items": two significant digits, upwards, as a forecast is not exact to the item."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return counted(-(-number // step) * step, "more item")


def _without_noise(e: Evidence) -> str:
    """Exactly these items, and answers that never vary: the difference is what it is."""
    assert e.difference is not None
    a, b, estimate = quoted(e.a.name), quoted(e.b.name), e.difference.estimate
    if abs(estimate) < 1e-9:
        found = e.voice.tie(a, b, speaks_of(e))
    else:
        ahead, behind = (a, b) if estimate > 0 else (b, a)
        found = e.voice.sure(ahead, behind, e.unit.amount(abs(estimate)), speaks_of(e))
        if abs(estimate) < e.margin:
            found += f", less than {_margin(e, 'that you set')}"
    return f"{found}. The answers are the same in every run, so nothing is uncertain about it."


def _beyond(e: Evidence) -> str:
    """What even the lower limit of the gain exceeds."""
    assert e.difference is not None
    exceeded = [_margin(e, "that you set")] if e.margin > 0 else []
    if e.noise.half_width is not None and e.difference.low > e.noise.half_width:
        exceeded.append("run-to-run noise")
    least = e.unit.amount(e.difference.low)
    return (
        f" Even {least} would be more than {' and more than '.join(exceeded)}." if exceeded else ""
    )


def _margin(e: Evidence, chosen: str) -> str:
    margin = e.unit.amount(e.margin)
    return f"the default margin of {margin}" if e.margin_is_default else f"the {margin} {chosen}"


def within(e: Evidence) -> str:
    """The margin, with a word where nobody chose it."""
    margin = e.unit.amount(e.margin)
    return f"the default margin of {margin}" if e.margin_is_default else margin


def every_one(e: Evidence) -> str:
    """How many comparisons there are, all of them."""
    return "both" if e.family == 2 else f"all {e.family}"


def _against(e: Evidence) -> str:
    """The p-value, and the hypothesis that it is of."""
    assert e.p_value is not None
    if e.aim == NON_INFERIORITY and e.p_family is not None:
        loss = (
            f"{p_text(e.p_family)}, twice the one-sided p, against a true loss of "
            f"{e.unit.amount(e.margin)}"
        )
        if e.difference is not None and e.difference.high < 0:
            return f"{p_text(e.p_value)} against a true gap of 0; {loss}"
        return loss
    return (
        f"{p_text(e.p_value)} against a true {'ratio of 1' if e.amount is not None else 'gap of 0'}"
    )


def _scored(e: Evidence, interval: Interval, *, level: bool = False) -> str:
    """ "12.5 points higher (95% interval 5.0 to 20.0)", or lower."""
    limits = e.unit.limits(interval)
    named = f"{level_text(interval.level)} interval {limits}" if level else limits
    turned_to = e.voice.turn(e.unit.amount(abs(interval.estimate)), interval.estimate >= 0)
    return f"{turned_to} ({named})"


def known(phrases: Mapping[str, str], rivals: Sequence[Rival]) -> list[str]:
    """The phrase of each thing that the rivals count otherwise."""
    return [phrases[about] for about in dict.fromkeys(rival.about for rival in rivals) if about]


def declared(rivals: Sequence[Rival], *, amount: bool = False) -> str:
    """How the declared analysis counts, in words that end a sentence."""
    found = known(DECLARED_AMOUNTS if amount else DECLARED, rivals)
    return found[0] if len(found) == 1 else "in the declared analysis"


def remedy(e: Evidence, rivals: Sequence[Rival]) -> str:
    """What was cut off or lost, and what would end the doubt: never more items."""
    about = {rival.about for rival in rivals}
    parts = []
    if UNUSABLE in about:
        parts.append(f"{shares(e, 'unusable')} were no usable answers.")
    if TRUNCATED in about:
        parts.append(
            f"{shares(e, 'truncated')} were cut off; a higher max_tokens would remove this doubt."
        )
    if DOUBTFUL in about:
        assert e.measure is not None
        parts.append(
            f"{shares(e, 'doubtful')} were cut off or cannot be read, and may have been {e.measure.events} "
            "or not; a higher max_tokens would remove this doubt where it was the token limit."
        )
    if LOST in about:
        parts.append(
            f"{shares(e, 'lost')} were lost; running again to fill them would remove this doubt."
        )
    return " ".join(parts)


def shares(e: Evidence, what: str) -> str:
    """ "30.8% of the answers of “steps” and 2.1% of those of “direct”", the larger first."""
    first, second = sorted((e.a, e.b), key=lambda arm: -float(getattr(arm, what)))
    return (
        f"{percent(getattr(first, what))} of the answers of {quoted(first.name)} and "
        f"{percent(getattr(second, what))} of those of {quoted(second.name)}"
    )


def speaks_of(e: Evidence) -> str:
    """The scope, and what is averaged over, in words."""
    return e.voice.where(e.scope) + _average(e)


def _average(e: Evidence) -> str:
    return f", averaged over {e.averaged_over}" if e.averaged_over else ""


def _tagged(e: Evidence, sentence: str) -> str:
    return f"[Simulated answers] {sentence}" if e.simulated else sentence


def turned(e: Evidence) -> Evidence:
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
