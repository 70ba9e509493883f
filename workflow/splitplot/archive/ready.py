"""Whether a study has a report that Snakemake would leave as it is."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splitplot import paths, targets
from splitplot.archive.contents import report_files
from splitplot.errors import SplitplotError
from splitplot.files import file_sha256, read_json

RECORDS = Path(".snakemake/metadata")
"""Snakemake's records of finished jobs: a JSON file for each output."""


def check_ready(plan: dict[str, Any]) -> None:
    """Raise SplitplotError where the study has no report, or one that Snakemake would make anew.

    plan: as the study is now. Called in the workflow's root, as everything of `targets`. As Snakemake sees
    it, a file that is newer than what was made of it has changed only if its content has, too: so it is with
    a study that was edited and edited back.
    """
    study = plan["study"]
    report = paths.REPORT.format(study=study)
    again = f"make it with `snakemake --profile local {report}`, then archive again"
    if not Path(report).is_file():
        raise SplitplotError(f"{report}: there is no report yet; {again}")
    for made in targets.versions(plan, partial=False):
        if not made.is_current():
            raise SplitplotError(
                f"{report} is older than the study or than this splitplot, or is a partial one "
                f"({made.path} has changed); {again}"
            )
    for output, inputs in _steps(plan):
        if not Path(output).is_file():
            raise SplitplotError(f"{output} is missing, so {report} cannot be relied upon; {again}")
        made_at = Path(output).stat().st_mtime_ns
        newer = [name for name in inputs if Path(name).stat().st_mtime_ns > made_at]
        recorded = _recorded_inputs(output) if newer else {}
        for name in newer:
            if recorded.get(name) != f"sha256:{file_sha256(Path(name))}":
                raise SplitplotError(f"{name} is newer than {output}, which is made of it; {again}")


def _steps(plan: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """(output, inputs) of the stages in their order; inputs are those that the rules name."""
    study = plan["study"]

    def stage(name: str) -> str:
        return paths.VERSION.format(study=study, stage=name)

    items, origins, table, inference, costs = (
        template.format(study=study)
        for template in (paths.ITEMS, paths.PROVENANCE, paths.TABLE, paths.INFERENCE, paths.COSTS)
    )
    yield items, [stage("items")]
    every = []
    for cell in plan["cells"]:
        ids = {"study": study, "trial": cell["trial"], "condition": cell["condition"]}
        version, answers = paths.CELL_VERSION.format(**ids), []
        for part in plan["parts"]:
            requests = paths.REQUESTS.format(part=part, **ids)
            answers.append(paths.RESPONSES.format(part=part, **ids))
            yield requests, [version, items]
            yield answers[-1], [requests, items]
        yield paths.SCORES.format(**ids), [stage("scores"), items, *answers]
        every += answers
    yield table, [stage("table"), *targets.cell_files(plan, paths.SCORES)]
    yield inference, [stage("inference"), items, table]
    yield costs, [stage("costs"), *every]
    for path in report_files(plan):
        yield path, [stage("report"), items, origins, table, inference, costs]


def _recorded_inputs(output: str) -> dict[str, str]:
    """Input → "sha256:…" of the job that made a file; empty where Snakemake has no record of it.

    Snakemake names a record by the output's path in base 64, in pieces where that is longer than a file's
    name may be.
    """
    name = urlsafe_b64encode(output.encode()).decode()
    try:
        most = os.pathconf(RECORDS, "PC_NAME_MAX") - 1
        pieces = [name[at : at + most] for at in range(0, len(name), most)]
        record = read_json(RECORDS.joinpath(*(f"@{piece}" for piece in pieces[:-1]), pieces[-1]))
        return dict(record["input_checksums"] or {})
    except (OSError, ValueError, KeyError, TypeError):
        return {}
