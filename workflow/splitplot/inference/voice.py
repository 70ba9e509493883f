"""How a direction is spoken: an arm is better or worse by its score; or it makes fewer or more of something
that the score counts the absence of, as false answers. A difference above 0 is in favour of A in both."""

from dataclasses import dataclass

from splitplot.inference.intervals import Interval
from splitplot.inference.wording import Unit

ITEMS, FIXED, PROMPTS, DATASETS = "items", "fixed", "prompts", "datasets"
"""Scopes an interval can speak of: items like these, exactly these items, items and prompts like these,
datasets like these."""


@dataclass(frozen=True)
class Measure:
    """What a score of 0 is, in the plural ("false answers"), and the kind of questions that can have one
    ("unanswerable")."""

    events: str
    questions: str


class Voice:
    """The words of a score."""

    fewer, more = "better", "worse"
    subject = "it is"
    may = "may be"

    def where(self, scope: str) -> str:
        """The scope in words."""
        return {
            FIXED: "on exactly these questions",
            PROMPTS: "on questions and prompts like these",
            DATASETS: "on datasets like these",
        }.get(scope, "on questions like these")

    def ahead(self, a: str, b: str, span: str, where: str) -> str:
        """A direction with its size."""
        return f"{a} is better than {b} by {span} {where}"

    def reliably(self, a: str, b: str, where: str, span: str) -> str:
        """A direction that is too small to matter. span: its size."""
        return f"{a} is reliably better than {b} {where}, but by too little to matter: by {span}"

    def same(self, a: str, b: str, within: str, where: str) -> str:
        """Equality within a margin, and the start of where A is."""
        return f"{a} and {b} are the same within {within} {where}: {a} is"

    def no_gain(self, a: str, b: str, margin: str, where: str) -> str:
        """That A is not better by the margin."""
        return f"{a} does not beat {b} by {margin} or more {where}"

    def no_loss(self, a: str, b: str, margin: str, where: str) -> str:
        """That A is not worse by the margin."""
        return f"{a} is not worse than {b} by {margin} or more {where}"

    def no_loss_but_gain(self, a: str, b: str, span: str, where: str) -> str:
        """That A is not worse, and better."""
        return f"{a} is not worse than {b} {where} but better, by {span}"

    def loss(self, a: str, b: str, margin: str) -> str:
        """A clause on a loss of more than the margin."""
        return f"{a} is worse than {b} by more than {margin}"

    def either_loss(self, a: str, b: str, margin: str) -> str:
        """A clause on a loss that is left open."""
        return f"whether {a} is worse than {b} by {margin} or more"

    def untold(self, a: str, b: str) -> str:
        """What the data cannot do, without a full stop."""
        return f"The data cannot tell {a} from {b}"

    def level(self) -> str:
        """That the arms do not differ in the data."""
        return "Both scored the same"

    def lead(self, a: str, b: str, span: str, where: str) -> str:
        """A direction that will not be claimed."""
        return f"{a} is ahead of {b} by {span} {where}".rstrip()

    def alone(self, a: str, span: str, where: str) -> str:
        """A direction by itself, with its size."""
        return f"{a} is better by {span} {where}".rstrip()

    def found(self, a: str, results: str) -> str:
        """What the analyses say of A. results: each begins with what `turn` makes of it."""
        return f"{a} scored {results}"

    def turn(self, amount: str, higher: bool) -> str:
        """A difference with its direction."""
        return f"{amount} {'higher' if higher else 'lower'}"

    def gap(self, a: str, b: str) -> str:
        """The difference A − B, before a list of its limits."""
        return f"{a} minus {b} is"

    def tie(self, a: str, b: str, where: str) -> str:
        """That nothing tells the arms apart, for sure."""
        return f"{a} and {b} score the same {where}"

    def sure(self, a: str, b: str, amount: str, where: str) -> str:
        """A difference that is what it is."""
        return f"{a} scores {amount} higher than {b} {where}"

    def reach(self, unit: Unit, interval: Interval) -> str:
        """Where A may lie: "anything from 5.0 points worse to 6.0 better"."""
        low, high = interval.low, interval.high
        if low < 0 < high:
            return (
                f"anything from {unit.amount(-low)} {self.more} to {unit.number(high)} {self.fewer}"
            )
        if low >= 0:
            return f"{unit.span(interval)} {self.fewer}"
        return f"{unit.span(interval.mirrored())} {self.more}"


class EventVoice(Voice):
    """The words of what a score counts the absence of."""

    fewer, more = "fewer", "more"
    subject = "it makes"
    may = "may make"

    def __init__(self, measure: Measure) -> None:
        self.events, self.questions = measure.events, measure.questions

    def where(self, scope: str) -> str:
        """As of a score, with the kind of questions."""
        return {
            FIXED: f"on exactly these {self.questions} questions",
            PROMPTS: f"on {self.questions} questions and prompts like these",
            DATASETS: f"on {self.questions} questions of datasets like these",
        }.get(scope, f"on {self.questions} questions like these")

    def ahead(self, a: str, b: str, span: str, where: str) -> str:
        """ "“a” makes fewer false answers than “b”: 2.1 to 8.3 points fewer, on …"."""
        return f"{a} makes fewer {self.events} than {b}: {span} fewer, {where}"

    def reliably(self, a: str, b: str, where: str, span: str) -> str:
        """As of a score."""
        return (
            f"{a} reliably makes fewer {self.events} than {b} {where}, but by too little to matter: "
            f"fewer by {span}"
        )

    def same(self, a: str, b: str, within: str, where: str) -> str:
        """As of a score."""
        return f"{a} and {b} make equally many {self.events}, within {within}, {where}: {a} makes"

    def no_gain(self, a: str, b: str, margin: str, where: str) -> str:
        """As of a score."""
        return f"{a} does not make fewer {self.events} than {b} by {margin} or more {where}"

    def no_loss(self, a: str, b: str, margin: str, where: str) -> str:
        """As of a score."""
        return f"{a} does not make more {self.events} than {b} by {margin} or more {where}"

    def no_loss_but_gain(self, a: str, b: str, span: str, where: str) -> str:
        """As of a score."""
        return f"{a} does not make more {self.events} than {b} but fewer, by {span}, {where}"

    def loss(self, a: str, b: str, margin: str) -> str:
        """As of a score."""
        return f"{a} makes more {self.events} than {b}, by more than {margin}"

    def either_loss(self, a: str, b: str, margin: str) -> str:
        """As of a score."""
        return f"whether {a} makes more {self.events} than {b}, by {margin} or more"

    def untold(self, a: str, b: str) -> str:
        """As of a score."""
        return f"The data cannot tell which of {a} and {b} makes fewer {self.events}"

    def level(self) -> str:
        """As of a score."""
        return f"Both made equally many {self.events}"

    def lead(self, a: str, b: str, span: str, where: str) -> str:
        """As of a score."""
        return f"{a} makes fewer {self.events} than {b}, by {span}{', ' if where else ''}{where}"

    def alone(self, a: str, span: str, where: str) -> str:
        """As of a score."""
        return f"{a} makes fewer {self.events}, by {span}{', ' if where else ''}{where}"

    def found(self, a: str, results: str) -> str:
        """As of a score."""
        return f"The {self.events} of {a} were {results}"

    def turn(self, amount: str, higher: bool) -> str:
        """A higher score is fewer of what is counted."""
        return f"{amount} {self.fewer if higher else self.more}"

    def gap(self, a: str, b: str) -> str:
        """A positive difference is in favour of A, as of a score."""
        return f"the {self.events} of {b} less those of {a} are"

    def tie(self, a: str, b: str, where: str) -> str:
        """As of a score."""
        return f"{a} and {b} make equally many {self.events} {where}"

    def sure(self, a: str, b: str, amount: str, where: str) -> str:
        """As of a score."""
        return f"{a} makes fewer {self.events} than {b}, by {amount}, {where}"
