"""Whether the metrics of a study can show what it wants to show, and whether its control exists."""

from splitplot.amounts import amount_of
from splitplot.config_file import Problems, Where
from splitplot.errors import near_miss
from splitplot.looks import ANYTIME
from splitplot.scoring.scales import NEUTRAL
from splitplot.study.analysis import Primary
from splitplot.study.model import Study


def check_aims(study: Study, problems: Problems) -> None:
    """Note in `problems`: a primary contrast by a metric that is neither good nor bad, or an aim that its
    metric or the stopping rule does not allow; a first scorer by which nothing can be ranked; a control that
    is no condition."""
    names = [scorer.label for scorer in study.scorers]
    directed = [scorer.label for scorer in study.scorers if scorer.scorer not in NEUTRAL]
    if study.scorers and study.scorers[0].scorer in NEUTRAL:
        others = f"; list one of these first: {', '.join(directed)}" if directed else ""
        problems.add(
            ("scorers", 0),
            f'"{names[0]}" is neither good nor bad, and the first scorer is what conditions are compared and '
            f"ranked by{others or '; put a scorer of right answers before it'}",
        )
    for index, contrast in enumerate(study.analysis.primary):
        where: Where = ("analysis", "primary", index)
        if not problems.written(where):
            where = ("analysis", "primary")
        _check_contrast(study, contrast, names, directed, where, problems)
    control = study.analysis.control
    if control is not None and control not in study.conditions:
        known = list(study.conditions)
        problems.add(
            ("analysis", "control"), f'unknown condition "{control}"{near_miss(control, known)}'
        )


def _check_contrast(
    study: Study,
    contrast: Primary,
    names: list[str],
    directed: list[str],
    where: Where,
    problems: Problems,
) -> None:
    if contrast.metric in names and contrast.metric not in directed:
        problems.add(
            (*where, "metric"),
            f'"{contrast.metric}" is neither good nor bad, so no verdict can be spoken by it; allowed: '
            f"{', '.join(['score', *directed])}. The chapter on answering and abstaining has its rates",
        )
    if contrast.aim != "non-inferiority":
        return
    if amount_of(contrast.metric, names):
        problems.add(
            (*where, "aim"),
            f'"non-inferiority" is for scores, not for {contrast.metric}; leave `aim` out, or use one of '
            f"the metrics {', '.join(['score', *directed])}",
        )
    if study.analysis.stopping == ANYTIME:
        problems.add(
            (*where, "aim"),
            '"non-inferiority" cannot be watched while the data come: it needs stopping: fixed; allowed '
            "with stopping: anytime: difference",
        )
