"""Chapter `answering`: how often each condition answers rightly, abstains and answers falsely, against the
control; which answers changed; what it would take to see more, and what an avoided false answer costs."""

from collections.abc import Mapping, Sequence
from typing import Any

from splitplot.inference.answering.answers import ABSTENTION, NO_FALSE_ANSWER, grading
from splitplot.inference.answering.flows import flips, flows
from splitplot.inference.answering.gaps import contrasts
from splitplot.inference.answering.misread import misreadings
from splitplot.inference.answering.mixed import mixed
from splitplot.inference.answering.parts import across_datasets, subgroups
from splitplot.inference.answering.price import prices
from splitplot.inference.answering.rates import arm
from splitplot.inference.answering.setting import Setting
from splitplot.inference.answering.sizes import power
from splitplot.inference.answering.support import thresholds
from splitplot.inference.checks import Flag
from splitplot.inference.data import StudyData


def chapter(
    data: StudyData, *, spoken: Sequence[Mapping[str, Any]] = ()
) -> tuple[dict[str, Any] | None, list[Flag]]:
    """The chapter; None without a scorer of abstentions or of false answers.

    spoken: the entries of the declared contrasts in inference.json: their numbers stand here too.
    """
    if not {ABSTENTION, NO_FALSE_ANSWER} & set(grading(data.plan)) or not data.cells:
        return None, []
    setting = Setting(data)
    compared = contrasts(setting, spoken)
    misread, flags = misreadings(setting, compared)
    return {
        "control": setting.control,
        "arms": [arm(setting, condition) for condition in setting.conditions],
        "contrasts": compared,
        "misread": misread,
        "flows": flows(setting),
        "subgroups": subgroups(setting),
        "across_datasets": across_datasets(setting),
        "threshold": thresholds(setting),
        "power": power(setting),
        "price": prices(setting, compared),
        "flips": flips(setting),
    }, [*flags, *mixed(setting, spoken)]
