"""Scorer `supported`: an answer claims nothing that the item's passage does not support."""

from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring.abstain import reads_for
from splitplot.scoring.entailment import Entailment, require_transformers
from splitplot.scoring.markers import stated_answer
from splitplot.scoring.overlap import overlap
from splitplot.scoring.score import Score, Scorer, unparseable

TELLS_ABSTENTIONS = True

DOMAIN = "open_book"
"""The only items that it grades: without a passage nothing can support an answer."""

REFUSED = 1.0
"""What a refusal is worth: it claims nothing."""

EMPTY = 1.0
"""What an answer that came and says nothing is worth: it claims nothing."""


@dataclass(frozen=True)
class Options:
    """threshold: the least support of a supported answer; method: how support is measured.

    model, revision: of the method "nli", a model of the Hugging Face hub (or its folder) and its commit.
    """

    threshold: float = 0.5
    method: Literal["none", "overlap", "nli"] = "overlap"
    model: str = ""
    revision: str = ""


def build(options: Options) -> Scorer:
    """The scorer: 1.0 where the response abstains or its support is at least the threshold, else 0.0.

    Raises ConfigError for options that do not go together, and for "nli" where its packages are not
    installed; the model is loaded with the first answer that it grades.
    """
    _check(options)
    if options.method == "nli":
        require_transformers()
    entailment = Entailment(options.model, options.revision)

    def support_of(answer: str, item: Item) -> float:
        if options.method == "none":
            return 1.0
        if options.method == "overlap":
            return overlap(answer, item.context or "")
        return entailment.of(answer, item)

    def score(response: str, item: Item) -> Score:
        said = stated_answer(response, "auto").text
        reading = reads_for(response, item)
        if reading == "refuses":
            return Score(None, said or None, "refused", "refused")
        if reading == "abstains":
            return Score(1.0, said or None, "abstained, and so claims nothing")
        if not said:
            return unparseable("no text")
        support = support_of(said, item)
        value = float(support >= options.threshold)
        return Score(value, said, f"support {support:.2f}", support=support)

    return score


def depends(options: dict[str, Any]) -> str:
    """What else a score depends on, for the digest: for "nli" the packages that run the model."""
    if options["method"] != "nli":
        return ""
    found = []
    for package in ("transformers", "torch"):
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} -")
    return ", ".join(found)


def _check(options: Options) -> None:
    if not 0 <= options.threshold <= 1:
        raise ConfigError(
            f'scorer "supported": option "threshold" is {options.threshold:g}; allowed: 0 to 1'
        )
    named = [name for name in ("model", "revision") if getattr(options, name)]
    if options.method != "nli" and named:
        raise ConfigError(
            f'scorer "supported": option "{named[0]}" is for method nli; '
            f"the method is {options.method} (allowed: none, overlap, nli)"
        )
    lacking = [name for name in ("model", "revision") if name not in named]
    if options.method == "nli" and lacking:
        raise ConfigError(
            f'scorer "supported": method nli needs the option(s) {", ".join(lacking)}: a model of the '
            "Hugging Face hub that was trained for natural language inference, and the commit of it"
        )
