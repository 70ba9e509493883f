"""Support by a model of natural language inference that runs here: does the passage entail the answer?"""

from importlib.util import find_spec
from typing import Any

from splitplot.errors import ConfigError
from splitplot.items.item import Item
from splitplot.scoring.score import ScoringError

NEEDED = ("transformers", "torch")


def require_transformers() -> None:
    """Raises ConfigError that says what to install where the packages are not there; imports neither."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise ConfigError(
            f'scorer "supported": method nli needs {" and ".join(absent)}, which '
            f"{'is' if len(absent) == 1 else 'are'} not installed: pip install 'splitplot[nli]' "
            "(or take method: overlap, which needs nothing)"
        )


class Entailment:
    """One model, loaded with the first answer and kept. model, revision: as `transformers` takes them."""

    def __init__(self, model: str, revision: str) -> None:
        self._model, self._revision = model, revision
        self._classify: Any = None

    def of(self, answer: str, item: Item) -> float:
        """Probability, 0 to 1, that the passage entails the question with its answer.

        The premise is the passage, the hypothesis the question followed by the answer; of a pair that is
        longer than the model reads, the end of the passage is left out. Raises ConfigError where the
        model cannot be loaded, ScoringError where it has no label of entailment.
        """
        if self._classify is None:
            self._classify = self._load()
        pair = {"text": item.context or "", "text_pair": f"{item.input} {answer}"}
        found = self._classify(pair, top_k=None, truncation="only_first")
        # Depending on its version transformers puts the labels of one pair into a list of their own.
        labels = found[0] if found and isinstance(found[0], list) else found
        for one in labels:
            # "entailment", "ENTAILMENT", also beside "not_entailment" of models with two classes.
            if str(one["label"]).lower() in ("entailment", "entails", "entailed"):
                return float(one["score"])
        raise ScoringError(
            f'item "{item.id}": scorer "supported": model {self._model} has the labels '
            f"{', '.join(str(one['label']) for one in labels)} and none of entailment; name one that was "
            "trained for natural language inference"
        )

    def _load(self) -> Any:
        require_transformers()
        import transformers

        try:
            return transformers.pipeline(
                "text-classification", model=self._model, revision=self._revision
            )
        except (OSError, ValueError) as problem:
            first = str(problem).strip().split("\n")[0]
            raise ConfigError(
                f'scorer "supported": the model {self._model} at revision {self._revision} cannot be '
                f"loaded: {first}"
            ) from problem
