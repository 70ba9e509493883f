"""Where every file of a study lies, as templates that rules use with wildcards and code with values."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

LEDGER = "results/ledger"
REVISIONS = f"{LEDGER}/revisions"
WAVES = f"{LEDGER}/waves/{{study}}.json"
STUDY = "results/{study}"
VERSION = f"{STUDY}/versions/{{stage}}"
CELL_VERSION = f"{STUDY}/versions/cells/{{trial}}/{{condition}}"
PLAN = f"{STUDY}/plan.json"
ITEMS = f"{STUDY}/items.parquet"
PROVENANCE = f"{STUDY}/items.json"
ESTIMATE = f"{STUDY}/estimate.json"
APPROVAL = f"{STUDY}/approval.json"
GATE = f"{STUDY}/gate.json"
CALLS = f"{STUDY}/calls"
CELL = f"{CALLS}/{{trial}}/{{condition}}"
PART = f"{CELL}/{{part}}"
REQUESTS = f"{PART}/requests.jsonl"
GRID = f"{PART}/grid.jsonl"
JOB = f"{PART}/job.json"
ENDED = f"{PART}/ended.json"
RESPONSES = f"{PART}/responses.jsonl"
GENERATED = f"{CALLS}/{{trial}}/generated/{{part}}.json"
RESPONSES_SO_FAR = f"{PART}/responses_so_far.jsonl"
LOOK = f"{STUDY}/looks/{{look}}.json"
LOOK_SCORES = f"{STUDY}/looks/{{look}}/{{trial}}/{{condition}}.parquet"
SCORES = f"{STUDY}/scores/{{trial}}/{{condition}}.parquet"
TABLE = f"{STUDY}/item_responses.parquet"
TABLE_CSV = f"{STUDY}/item_responses.csv"
INFERENCE = f"{STUDY}/inference.json"
COSTS = f"{STUDY}/costs.json"
REPORT = f"{STUDY}/report.html"
REPORT_MD = f"{STUDY}/report.md"
REPORT_JSON = f"{STUDY}/report.json"
REPORT_TABLE = f"{STUDY}/tables/{{table}}.{{kind}}"
NEXT = f"{STUDY}/next.yaml"
REHEARSAL = f"{STUDY}/rehearsal.html"
REHEARSAL_JSON = f"{STUDY}/rehearsal.json"
LOGS = f"{STUDY}/logs"
ARCHIVE = "results/{study}.splitplot.tar.gz"

REPORT_TABLES = (
    *("cells", "outcomes", "contrasts", "scopes", "analyses", "families", "omnibus", "components"),
    *("raters", "rater_contrasts", "rater_components"),
    *("interaction", "ranking", "pareto", "spent", "datasets", "calibration", "calibration_bins"),
    *("pass_at_k", "purchase", "placebo", "placebo_p_values", "stopping", "drift", "costs"),
    *("answering_arms", "answering_contrasts", "answering_flows"),
)
"""The tables beside the report; their columns are in splitplot.report.columns."""
TABLE_KINDS = ("parquet", "csv")

STUDY_FILES = (
    ITEMS,
    PROVENANCE,
    ESTIMATE,
    TABLE,
    INFERENCE,
    COSTS,
    REPORT,
    REPORT_MD,
    REPORT_JSON,
    NEXT,
    *(
        REPORT_TABLE.format(study="{study}", table=table, kind=kind)
        for table in REPORT_TABLES
        for kind in TABLE_KINDS
    ),
)
"""The files that rules make once for every study."""


def generated(study: str, trial: str, part: str) -> str:
    """The receipt of a local model that was asked for a part of a trial, in all its conditions."""
    return GENERATED.format(study=study, trial=trial, part=part)


def study_file(study: str) -> Path:
    """The YAML file of a study, relative to the workflow root."""
    return Path("config/studies") / f"{study}.yaml"
