"""The words of a verdict."""

BETTER = "BETTER"
BETTER_SIZE_OPEN = "BETTER, SIZE OPEN"
EQUIVALENT = "EQUIVALENT"
NOT_SETTLED = "NOT SETTLED"
NOT_BETTER = "NOT BETTER BY MARGIN"
WORSE = "WORSE"
WORSE_SIZE_OPEN = "WORSE, SIZE OPEN"
NON_INFERIOR = "NON-INFERIOR"
CONDITIONAL = "CONDITIONAL"
NO_VERDICT = "NO VERDICT"

DIFFERENCE, NON_INFERIORITY = "difference", "non-inferiority"
"""What a contrast is to show: a difference, in either direction, or that A is not worse by the margin."""

DIRECTIONAL = (BETTER, BETTER_SIZE_OPEN, WORSE, WORSE_SIZE_OPEN)

SIZED = (BETTER, WORSE, EQUIVALENT)
"""Words that say how large a difference is, against the margin."""

_CLAIMS = {
    BETTER: "better",
    BETTER_SIZE_OPEN: "better",
    WORSE: "worse",
    WORSE_SIZE_OPEN: "worse",
    EQUIVALENT: "same",
    NON_INFERIOR: "not worse",
    NOT_SETTLED: "open",
    NOT_BETTER: "open",
}


def same_claim(word: str, other: str) -> bool | None:
    """Whether two words claim the same: a direction (however large), equality, no loss of the margin, or
    nothing. None where one of them is no answer of a single analysis (no verdict, a conditional one).

    >>> same_claim(BETTER, BETTER_SIZE_OPEN), same_claim(BETTER, NOT_SETTLED)
    (True, False)
    """
    if word not in _CLAIMS or other not in _CLAIMS:
        return None
    return _CLAIMS[word] == _CLAIMS[other]
