"""The item-response table: its columns, what they mean, and the page of the docs that lists them.

`python -m splitplot.scoring.schema` prints docs/item_responses.md.
"""

import pyarrow as pa

SCHEMA_VERSION = 3

ADDED = {2: ("confidence",), 3: ("support",)}
"""Columns that came with a version: null in the rows of an older table, which can still be joined."""

_TEXT, _COUNT, _NUMBER = pa.string(), pa.int64(), pa.float64()

_COLUMNS: list[tuple[str, pa.DataType, bool, str]] = [
    ("study", _TEXT, False, "Name of the study."),
    ("wave", _TEXT, False, "Wave of observation; empty in a study without waves."),
    ("trial_id", _TEXT, False, "Model × sampling: `slug--hash8`."),
    ("trial_hash", _TEXT, False, "Full content hash of the trial."),
    ("model", _TEXT, False, "The model's name in the study."),
    ("model_id", _TEXT, False, "Route-independent identity: `provider/model`."),
    ("sampling", _TEXT, False, "Name of the sampling settings."),
    ("role", _TEXT, False, "solver, judge or teacher."),
    ("condition_id", _TEXT, False, "Prompt arm: `slug--hash8`."),
    ("condition", _TEXT, False, "The condition's name in the study."),
    ("part", _TEXT, False, "Part of the cell that the item belongs to, such as `0-of-4`."),
    ("item_id", _TEXT, False, "Id of the item, unique within the study."),
    ("item_hash", _TEXT, False, "Content hash of the item."),
    ("source", _TEXT, False, "Which entry of the study's items the item came from."),
    (
        "cluster",
        _TEXT,
        False,
        "Passage, repository … that items share; the item's own id where it has none.",
    ),
    ("tier", _TEXT, True, "Difficulty tier; null where the item has none."),
    (
        "replication",
        pa.int32(),
        False,
        "0 … R − 1: which of the repeated answers to the item in the cell.",
    ),
    (
        "key",
        _TEXT,
        True,
        "Key of the request; null where no request was made for a cell of the grid.",
    ),
    ("scorer", _TEXT, False, "The scorer's name in the study."),
    ("scorer_digest", _TEXT, False, "Digest of the scorer's options and code."),
    (
        "outcome",
        _TEXT,
        False,
        "ok, truncated, refused, empty, error, expired, over_quota or missing, as the response came; "
        "abstained or unparseable, as the scorer found a response that came ok.",
    ),
    (
        "score",
        _NUMBER,
        True,
        "The scorer's verdict, 0 to 1 for built-in scorers, on the text of an ok or a truncated response; "
        "null where there was no text to score or no verdict.",
    ),
    (
        "strict",
        _NUMBER,
        True,
        "The score where the outcome is ok; 0 for truncated, refused, empty, unparseable and abstained "
        "(counts as wrong); null for error, expired, over_quota and missing (lost, not wrong).",
    ),
    ("observed", _NUMBER, True, "The score where the outcome is ok, else null."),
    ("extracted", _TEXT, True, "The answer that the scorer read in the response; null where none."),
    (
        "score_reason",
        _TEXT,
        True,
        "How the answer was found, or why none was; null if not scored.",
    ),
    (
        "confidence",
        _NUMBER,
        True,
        "How sure the answer was of itself, 0 to 1, as the study's `confidence` reads it; null where the "
        "study reads none or the answer has none.",
    ),
    (
        "support",
        _NUMBER,
        True,
        "How far the item's passage supports the answer, 0 to 1, where the scorer measures that "
        "(`supported`); null elsewhere, and for an answer that abstains or refuses and so claims nothing.",
    ),
    ("response", _TEXT, True, "Text of the response."),
    ("reasoning", _TEXT, True, "Reasoning that the provider returned beside the text."),
    ("finish_reason", _TEXT, True, "The provider's finish reason."),
    (
        "error",
        _TEXT,
        True,
        "Type, status and message of the error, where the request failed for good.",
    ),
    ("tokens_in", _COUNT, True, "Input tokens, as the provider counted them."),
    ("tokens_out", _COUNT, True, "Output tokens, reasoning included."),
    ("tokens_reasoning", _COUNT, True, "Reasoning tokens among the output tokens."),
    ("tokens_cached", _COUNT, True, "Input tokens read from the provider's cache."),
    ("usd", _NUMBER, True, "Cost of the request in US dollars; null where it has no price."),
    ("latency_s", _NUMBER, True, "Seconds from sending to the whole answer."),
    ("route", _TEXT, True, "batch, realtime, litellm, local or sim; null where nothing was sent."),
    ("provider_model", _TEXT, True, "The model's name as the provider returned it."),
    ("provider_id", _TEXT, True, "The provider's id of the answer."),
    ("request_id", _TEXT, True, "The provider's id of the HTTP request."),
    ("started_at", _TEXT, True, "When the request was sent, ISO 8601, UTC."),
    ("finished_at", _TEXT, True, "When the answer was complete, ISO 8601, UTC."),
    ("simulated", pa.bool_(), False, "True where no model was asked."),
]

SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable, metadata={"description": description})
        for name, kind, nullable, description in _COLUMNS
    ],
    metadata={"splitplot.table": "item_responses", "splitplot.schema_version": str(SCHEMA_VERSION)},
)
"""The schema of scores/{trial}/{condition}.parquet and of item_responses.parquet."""


_PAGE = """\
# The item-response table

`results/{{study}}/item_responses.parquet` has one row per grading event: one scorer's verdict on one
replication of one item in one cell. It covers the full grid: an answer that failed or never came is
a row with an outcome, never an absent row. The grid of a scorer has the items that it grades: one with the
option `over`, and `no_false_answer` and `supported` in any case, have no rows of the other items
([scorers](scorers.md#which-items)). `scores/{{trial}}/{{condition}}.parquet` has the same columns for one
cell.

Schema version {version}, kept in the file's metadata under `splitplot.schema_version`. The
description of a column is in the metadata of its field. Row groups hold about 2,000 rows, so that
a reader need not load the table.

A truncated answer is scored as far as it goes, for a sensitivity analysis: `score` has that
verdict, `strict` counts the answer as wrong, `observed` leaves it out. A refusal, of the provider or in the
text of the answer, has no verdict: `strict` is 0, or 1 by a scorer for which a refusal does no harm
(`no_false_answer`, `supported`). The same holds for an answer that came and says nothing.

In the CSV export (`item_responses.csv`) a text of a model or a provider that a spreadsheet would run as
a formula, because it begins with `=`, `+`, `-`, `@`, a tab or a line break and is no number, has a single
quote in front. This table has all texts as they came.

| column | type | may be null | meaning |
|---|---|---|---|
{rows}

```python
import pyarrow.parquet as pq

columns = ["condition", "item_id", "strict"]
table = pq.read_table("results/demo/item_responses.parquet", columns=columns)
means = table.group_by(["condition"]).aggregate(
    [("strict", "mean")]
)  # lost answers, nulls, are left out
```
"""


def schema_page() -> str:
    """The text of docs/item_responses.md."""
    rows = "\n".join(
        f"| `{name}` | {kind} | {'yes' if nullable else 'no'} | {description} |"
        for name, kind, nullable, description in _COLUMNS
    )
    return _PAGE.format(version=SCHEMA_VERSION, rows=rows)


if __name__ == "__main__":
    print(schema_page(), end="")
