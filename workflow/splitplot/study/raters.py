"""The key `analysis.raters`: scorers that grade the same answers on one scale; every problem is noted."""

from splitplot.config_file import Problems, Where, canonical_numbers
from splitplot.errors import near_miss
from splitplot.study.model import Study
from splitplot.study.sections import Scorer

MIN_RATERS = 2
WHERE: Where = ("analysis", "raters")

NO_GRADES = {
    "confidence": "is what an answer tells of itself",
    **dict.fromkeys(
        ("tokens_in", "tokens_out", "usd", "latency_s", "usd_per_correct"), "is an amount"
    ),
}
"""What stands in the table of answers beside their grades, and why it is no rater."""


def check_raters(study: Study, problems: Problems) -> None:
    """Whether the raters are scorers of the study that can be compared, and grade what is concluded."""
    named = study.analysis.raters
    if not named:
        return
    scorers = {scorer.label: scorer for scorer in study.scorers}
    known = [name for name in dict.fromkeys(named) if name in scorers]
    for index, name in enumerate(named):
        where: Where = (*WHERE, index)
        if name in named[:index]:
            problems.add(
                where, f'"{name}" is listed before; a rater agrees with itself: list it once'
            )
        elif name not in scorers:
            problems.add(where, _unknown(name, list(scorers)))
    if len(named) < MIN_RATERS:
        problems.add(
            WHERE,
            f"{len(named)} rater has nobody to agree with; name at least {MIN_RATERS} scorers of the study "
            f"(known: {', '.join(scorers)})",
        )
    if len(known) == len(named):
        _check_scales([scorers[name] for name in known], problems)
        _check_metrics(study, known, problems)


def _unknown(name: str, scorers: list[str]) -> str:
    if name == "score":
        return f'"score" stands for the first scorer; write its name, "{scorers[0]}"'
    if name in NO_GRADES:
        return f'"{name}" {NO_GRADES[name]}, and no scorer{near_miss(name, scorers)}'
    return f'unknown scorer "{name}"{near_miss(name, scorers)}'


def _check_scales(raters: list[Scorer], problems: Problems) -> None:
    """One scale, as far as it is known, and no two names for one scorer."""
    from splitplot.scoring.scales import scale_of

    scales = {rater.label: scale_of(rater.scorer, rater.options) for rater in raters}
    first = next((name for name, scale in scales.items() if scale is not None), None)
    for index, rater in enumerate(raters):
        where: Where = (*WHERE, index)
        scale = scales[rater.label]
        if first is not None and scale not in (None, scales[first]):
            alike = [name for name, other in scales.items() if other in (None, scales[first])]
            problems.add(
                where,
                f'"{rater.label}" grades {scale}, "{first}" {scales[first]}; raters need one scale. '
                f'Allowed beside "{first}": scorers that grade {scales[first]} '
                f"(of those listed: {', '.join(alike)})",
            )
        spec = (rater.scorer, canonical_numbers(rater.options))
        for other in raters[:index]:
            if (other.scorer, canonical_numbers(other.options)) == spec:
                problems.add(
                    where,
                    f'"{rater.label}" is the scorer "{rater.scorer}" with the same options as '
                    f'"{other.label}" '
                    "and could never disagree with it; leave one of them out",
                )


def _check_metrics(study: Study, raters: list[str], problems: Problems) -> None:
    """Every verdict on scores has to be by one of the raters: whether it holds by the others is what
    they are for. (What no scorer grades, such as dollars, has no raters.)"""
    scorers = [scorer.label for scorer in study.scorers]
    for contrast in study.analysis.primary:
        metric = scorers[0] if contrast.metric == "score" else contrast.metric
        if metric in scorers and metric not in raters:
            problems.add(
                WHERE,
                f'a primary contrast is judged by "{metric}", which is not among the raters, so that they '
                "could not say whether its verdict holds by each of them; add it, or judge by one of: "
                f"{', '.join(raters)}",
            )
