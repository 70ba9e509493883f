"""The key `labels`: the study's own labelled answers, on which the detector of abstentions is tried."""

from pathlib import Path
from typing import Any

from splitplot.config_file import Problems
from splitplot.errors import ConfigError
from splitplot.study.model import Study


def check_labels(study: Study, root: Path, problems: Problems) -> dict[str, str] | None:
    """`labels` of plan.json, {"path", "sha256"}; None without the key, or where the file is not right."""
    if study.labels is None:
        return None
    from splitplot.files import file_sha256
    from splitplot.items.local import existing_file
    from splitplot.scoring.audit import READING, read_labelled, reads_abstentions

    options: list[tuple[str, dict[str, Any]]] = [(s.scorer, s.options) for s in study.scorers]
    if not any(reads_abstentions(*scorer) for scorer in options):
        problems.add(
            ("labels",),
            "no scorer of this study reads abstentions, so there is nothing to try; remove the key, name one "
            f"of the scorers {', '.join(READING)}, or give a scorer `abstain: true`",
        )
    try:
        path = existing_file(study.labels, root)
        read_labelled(path, study.labels, list(study.conditions))
        return {"path": study.labels, "sha256": file_sha256(path)}
    except ConfigError as error:
        problems.add(("labels",), str(error))
        return None
