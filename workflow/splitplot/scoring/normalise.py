"""Text normalisation before a comparison: one place, so that every text scorer means the same by it."""

import re
import unicodedata

_QUOTES_AND_DASHES = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'",
        "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "″": '"',
        "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-",
    }
)  # fmt: skip
_EDGES = " \t\r\n\f\v.,;:!?\"'`*_~()[]{}<>|¡¿…“”‘’«»。，！？：；、"
# No sign, currency, per cent or #: "-5" is not "5", and "C#" is not "C".
_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def plain_unicode(text: str) -> str:
    """NFKC, with typographic quotes and dashes as their ASCII forms."""
    if text.isascii():
        return text.replace("`", "'")
    return unicodedata.normalize("NFKC", text).translate(_QUOTES_AND_DASHES)


def strip_edges(text: str) -> str:
    """Without punctuation, Markdown emphasis and spaces at both ends; the text itself if nothing is left."""
    return text.strip(_EDGES) or text.strip()


def normalise(
    text: str,
    *,
    case_sensitive: bool = False,
    strip_punctuation: bool = True,
    unicode: bool = True,
    articles: bool = False,
) -> str:
    """The form in which two answers are compared; runs of white space become one space.

    strip_punctuation: only at the two ends; articles: True leaves out a, an, the.
    """
    if unicode:
        text = plain_unicode(text)
    if strip_punctuation:
        text = strip_edges(text)
    if articles:
        without = _ARTICLES.sub(" ", text)
        text = without if without.strip() else text
    text = _SPACE.sub(" ", text).strip()
    return text if case_sensitive else text.casefold()


def squad_tokens(text: str) -> list[str]:
    """Tokens as SQuAD's evaluation makes them: lower case, no ASCII punctuation, no articles.

    Source: normalize_answer in the official evaluate-v2.0.py (Rajpurkar, Jia & Liang 2018).
    """
    text = text.lower().translate(_NO_PUNCTUATION)
    return _ARTICLES.sub(" ", text).split()


_NO_PUNCTUATION = str.maketrans("", "", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
