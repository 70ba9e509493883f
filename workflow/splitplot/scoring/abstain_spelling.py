"""A response in the one plain spelling that the patterns of abstentions and refusals are written in."""

import re

from splitplot.scoring.normalise import normalise, plain_unicode

FIELD = re.compile(
    r'"(?:final[_ ]?|short[_ ]?)?(?:answer|response|output|result|prediction|value)"\s{0,9}'
    r':\s{0,9}(?:(?P<empty>null|none|""|\[\s?\])|"(?P<said>(?:[^"\\]|\\.)*)")'
    r'|"(?:is[_ ])?answerable"\s{0,9}:\s{0,9}false',
    re.IGNORECASE | re.DOTALL,
)
"""The field of a JSON object that holds the answer, or says that there is none."""

_QUOTED = re.compile(r'"([^"]{1,400})"')
_ANSWERING = re.compile(r"\b(?:answer|response|reply|respond|verdict|conclusion)\b[^.!?]{0,30}$")
_BREAK = re.compile(r"\n[ \t]*(?=[-*#>\n\d]|[A-Z\"])|\n[ \t]*\n")
_HEADING = re.compile(r"(?:^|(?<=\n))[ \t]*(?:[-#>]{1,6}|\d{1,3}[.)])[ \t]+")
_TYPESET = re.compile(r"\\(?:text(?:bf|it|rm)?|mathrm|mbox)\s?\{([^{}]{0,200})\}")
_WORDS = re.compile(r"[a-z][a-z']{4,15}")
_INTERRUPTION = re.compile(
    r"\b(not|does|did|do|is|are|was|were|can|it|passage|text|article),? "
    r"(?:however|though|unfortunately|sadly|of course|in fact|as far as i can (?:see|tell)),? "
)


def fielded(text: str) -> str:
    """What the answer's field of a JSON object holds, "null" where it is empty; any other text as it is."""
    fields = list(FIELD.finditer(text))
    if not fields:
        return text
    said: str | None = fields[-1]["said"]
    return "null" if said is None else said


def plain_words(text: str) -> str:
    """The text in lower case, contractions in full, no emphasis, common misspellings put right.

    A line break that ends a paragraph or a list item becomes a full stop, and a full stop stays one.
    """
    said = _BREAK.sub("\n . ", _HEADING.sub("", plain_unicode(_TYPESET.sub(r"\1", text))))
    said = normalise(said.replace("*", "").replace("_", " "), strip_punctuation=False)
    said = _WORDS.sub(lambda word: _MISSPELT.get(word[0], word[0]), said)
    for pattern, in_full in _CONTRACTIONS:
        said = pattern.sub(in_full, said)
    return _INTERRUPTION.sub(r"\1 ", said)


def without_quotations(said: str, whole: re.Pattern[str]) -> str:
    """The plain words with what stands in quotation marks as the word "quoted": others said it.

    What is quoted as the answer ('the answer is "unknown"') and is `whole` an abstention stays.
    """

    def kept(found: re.Match[str]) -> str:
        inside = found[1].strip(" .,!?")
        before = said[max(0, found.start() - 60) : found.start()]
        return inside if whole.fullmatch(inside) and _ANSWERING.search(before) else "quoted"

    return _QUOTED.sub(kept, said)


_CONTRACTIONS = (
    (re.compile(r"\bcan(?:not|'t|t)\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bain'?t\b"), "is not"),
    (
        re.compile(
            r"\b(do|does|did|is|are|was|were|could|would|should|has|have|had|need|must)n'?t\b"
        ),
        r"\1 not",
    ),
    (re.compile(r"\b(it|that|there|here|what|who|where)'s\b"), r"\1 is"),
    (re.compile(r"\bthats\b"), "that is"),
    (re.compile(r"\bi'?m\b"), "i am"),
    (re.compile(r"\bive\b"), "i have"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"\bkno\b"), "know"),
    (re.compile(r"\bwont\b"), "will not"),
    (re.compile(r"\bdo not no\b"), "do not know"),
    (re.compile(r"\bcan not (?:and|or) will not\b"), "will not"),
    (re.compile(r"\bdoes not (?:seem|appear) to be (?:an?|any)\b"), "is no"),
    (re.compile(r"\b(?:seems?|appears?) to be no\b"), "is no"),
    (re.compile(r"\b(?:seems?|appears?) not to\b"), "does not"),
    (
        re.compile(
            r"\b(do|does|did) not (?:seem|appear|happen|bother|get (?:a)?round|go so far as|manage"
            r"|attempt|care|think) to (?:have )?\b"
        ),
        r"\1 not ",
    ),
    (re.compile(r"\bam afraid (?:that )?"), "am afraid "),
)

_OFTEN_MISSPELT = (
    "passage", "mention", "mentioned", "mentions", "information", "unknown", "answer", "answered",
    "question", "questions", "determine", "determined", "specify", "specified", "provided", "provide",
    "contain", "contains", "article", "context", "doesn't", "doesnt", "cannot", "unanswerable",
    "available", "sufficient", "insufficient", "enough", "possible", "impossible", "indicate",
    "indicated", "describe", "described", "anything", "familiar", "paragraph", "unclear",
    "unfortunately", "knowledge", "certain", "explicitly", "recognise",
)  # fmt: skip


def _slips(word: str) -> set[str]:
    """The word with a letter left out, two letters changed over or one doubled, the first letter kept."""
    places = range(1, len(word))
    without = {word[:at] + word[at + 1 :] for at in places} if len(word) > 5 else set()
    swapped = {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in places[:-1]}
    doubled = {word[:at] + word[at] + word[at:] for at in places}
    return without | swapped | doubled


_RIGHT = (*_OFTEN_MISSPELT, "provider", "describes", "indicates", "specific")
_MISSPELT = {
    slip: word for word in _OFTEN_MISSPELT for slip in _slips(word) if slip not in _RIGHT
} | {"unknow": "unknown", "dose'nt": "does not", "doesent": "does not", "dosen't": "does not"}
