"""What replaces the fixed-sample interval of a primary contrast where a study may stop at any look."""

from dataclasses import replace

from splitplot.inference.evidence import Evidence, Rival
from splitplot.inference.intervals import Floats
from splitplot.inference.sequential.confidence_sequence import confidence_sequence
from splitplot.inference.sequential.eprocess import anytime_p, mixture_log_e

FIXED_SAMPLE = "as if the number of items had been fixed beforehand"


def under_peeking(e: Evidence, a: Floats, b: Floats, family: int) -> tuple[Evidence, Rival | None]:
    """The evidence with limits and p-value that hold at every look, and the fixed-sample analysis.

    a, b: scores per common item, shape (n_items,), those that `e` was made of. family: number of primary
    contrasts; each has the level 1 − α/m. Both intervals become the confidence sequence, so that the
    verdict says what the stopping rule saw; the p-value becomes min(1, 1/E). What is known of power
    is for a fixed number of items and is left out.
    The fixed-sample intervals are for the panel of sensitivity analyses: after looks they cover less
    than they say. Where no confidence sequence exists (scores outside 0…1, clusters, no items) the
    evidence comes back as it is, with None: such a study never stops early.
    """
    if not e.n_items or not e.bounded or e.clustered:
        return e, None
    interval = confidence_sequence(a - b, 1 - e.alpha / family)
    fixed = None
    if e.difference is not None and e.equivalence is not None:
        fixed = Rival(FIXED_SAMPLE, e.difference, e.equivalence)
    valid = replace(
        e,
        difference=interval,
        equivalence=interval,
        p_value=anytime_p(mixture_log_e(a - b)),
        smallest_detectable=None,
        items_needed=None,
        anytime=True,
    )
    return valid, fixed
