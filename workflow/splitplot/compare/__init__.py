"""Two studies, two archives, or two waves of one study, compared arm by arm on the items they share.

sides: what is read; arms: which cells belong together; answers: what was observed twice, and what is the
same answer; differences: the inference; words: what is said of it.
"""

from splitplot.compare.differences import compare
from splitplot.compare.sides import Side, open_side
from splitplot.compare.words import compare_text

__all__ = ["Side", "compare", "compare_text", "open_side"]
