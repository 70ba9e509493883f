"""What a call costs at given rates: arithmetic alone, wherever the rates come from."""

from dataclasses import dataclass

from splitplot.calls.records import Usage


@dataclass(frozen=True)
class Rates:
    """USD per token for prompts of more than `above` input tokens; every token is billed at them."""

    above: int
    input: float
    output: float
    cached_input: float
    reasoning: float


@dataclass(frozen=True)
class Price:
    """What a model costs.

    standard, batch: rates by size of the prompt, ascending, the first with above = 0.
    batch_certain: whether the batch rates come from the table or from models.yaml; where they rest on
        what the provider says of its discount alone, `ceiling` keeps to the standard ones.
    max_output_tokens: the model's own limit, where the table knows it.
    source: where the price comes from, for the reader of an estimate; batch_source: on what else the
        batch price rests, if on anything.
    """

    standard: tuple[Rates, ...]
    batch: tuple[Rates, ...]
    max_output_tokens: int | None
    source: str
    batch_certain: bool = False
    batch_source: str | None = None

    @property
    def input(self) -> float:
        """USD per input token of a short prompt."""
        return self.standard[0].input

    @property
    def output(self) -> float:
        """USD per output token after a short prompt."""
        return self.standard[0].output


def cost(price: Price, usage: Usage, batch: bool = False) -> float | None:
    """USD of one call; None where the provider did not say how many tokens it was.

    Cached tokens are part of the input, reasoning tokens part of the output.
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    rates = _rates_for(price.batch if batch else price.standard, usage.input_tokens)
    cached = min(usage.cached_tokens or 0, usage.input_tokens)
    reasoning = min(usage.reasoning_tokens or 0, usage.output_tokens)
    return (
        (usage.input_tokens - cached) * rates.input
        + cached * rates.cached_input
        + (usage.output_tokens - reasoning) * rates.output
        + reasoning * rates.reasoning
    )


def ceiling(price: Price, input_tokens: int, output_tokens: int, batch: bool = False) -> float:
    """USD that a call of at most so many tokens cannot exceed.

    batch: at the batch price where that is certain, else at the standard one: a cap must not rest on
    a discount that nobody has promised for this model.
    Not the cost of the largest call: some models bill reasoning dearer than text, and all of the
    answer may be reasoning; a tier is not always dearer than the one below it.
    """
    tiers = price.batch if batch and price.batch_certain else price.standard
    return max(
        input_tokens * max(rates.input, rates.cached_input)
        + output_tokens * max(rates.output, rates.reasoning)
        for rates in tiers
        if rates.above <= input_tokens
    )


def _rates_for(tiers: tuple[Rates, ...], input_tokens: int) -> Rates:
    for rates in reversed(tiers):
        if input_tokens > rates.above:
            return rates
    return tiers[0]


def discounted(tiers: tuple[Rates, ...], factor: float) -> tuple[Rates, ...]:
    """Every rate times `factor`."""
    return tuple(
        Rates(
            t.above,
            t.input * factor,
            t.output * factor,
            t.cached_input * factor,
            t.reasoning * factor,
        )
        for t in tiers
    )
