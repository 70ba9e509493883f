"""Which trials of a study may go by batch: their model has a batch API that takes their settings."""

from dataclasses import dataclass
from typing import Any

from splitplot.config_file import Where
from splitplot.errors import ConfigError
from splitplot.registry import Model
from splitplot.study.crossing import Complain, NamedCell
from splitplot.study.model import Study
from splitplot.study.parameters import body_parameters
from splitplot.study.sections import Sampling


@dataclass(frozen=True)
class Batching:
    """`batch` and `batch_reason` of a trial, as in plan.json."""

    settings: dict[str, Any] | None = None
    reason: str | None = None


def choose_batches(
    study: Study,
    cells: list[NamedCell],
    samplings: dict[str, tuple[Sampling, str]],
    models: dict[tuple[str, str], Model],
    complain: Complain,
) -> dict[tuple[str, str], Batching]:
    """(model, sampling) → whether and how that trial goes by batch.

    Settings that a batch API cannot take are complained about where the study asks for batches, and
    leave the trial to real time, with the reason, where it asks for nothing.
    """
    found: dict[tuple[str, str], Batching] = {}
    for cell in cells:
        key, model = (cell.model, cell.sampling), models.get((cell.model, cell.route))
        if key in found or model is None:
            continue
        if model.batch is None:
            found[key] = Batching(None, model.batch_reason)
            continue
        sampling, base = samplings[cell.sampling]
        settings = model.batch | {
            "at_least": 1 if cell.route == "batch" else study.execution.batch_at_least
        }
        try:
            _check(settings, body_parameters(sampling))
            found[key] = Batching(settings)
        except ConfigError as error:
            found[key] = Batching(None, str(error))
            if cell.route == "batch":
                message = f'route batch cannot serve "{cell.model}" with this sampling: {error}'
                complain(_place_of_sampling(study, base), message)
    return found


def _check(settings: dict[str, Any], parameters: dict[str, Any]) -> None:
    from splitplot.calls.batch.protocols import provider

    provider(settings["protocol"]).check(parameters, settings)


def _place_of_sampling(study: Study, name: str) -> Where:
    index = next(i for i, sampling in enumerate(study.sampling) if sampling.name == name)
    return ("sampling", index)
