"""The folder that the workflow runs in: how `splitplot init` makes one, and the studies in it."""

import os
import shutil
from difflib import get_close_matches
from pathlib import Path

from splitplot import paths
from splitplot.errors import ConfigError

SNAKEFILE = '''"""The rules are splitplot's own; studies, prompts and results are this folder's."""


include: "{workflow}"


workflow.default_target = "all"
'''

CONFIG = """# The studies that a plain `snakemake --profile local` makes.
studies: [first]
"""

STUDY = """# A first study: two prompts, one small local model, five questions asked twice.
study: first
question: Does a request to think step by step change how often the answer is right?
items:
  - {path: config/items/questions.jsonl}
models: [smollm2-135m]
sampling: [{name: warm, temperature: 0.7, max_tokens: 64}]
conditions: {direct: prompts/solver/direct.md, steps: prompts/solver/steps.md}
replications: 2
scorers: [numeric]
analysis:
  primary: {contrast: [condition, steps, direct], margin: 0.05}
"""

QUESTIONS = """{"id": "q1", "input": "What is 3 + 4?", "target": 7}
{"id": "q2", "input": "What is 6 times 7?", "target": 42}
{"id": "q3", "input": "How many days are in two weeks?", "target": 14}
{"id": "q4", "input": "What is the greatest common divisor of 12 and 18?", "target": 6}
{"id": "q5", "input": "What is 20 minus 5?", "target": 15}
"""

COPIED = (
    "config/models.yaml",
    "prompts/solver/direct.md",
    "prompts/solver/steps.md",
    "profiles/local/config.yaml",
    "profiles/slurm/config.yaml",
)
PROFILES = ("local", "slurm")
"""Symbolic links in the root, where `--profile NAME` looks."""
GITIGNORE = "/results/\n/.snakemake/\n"


def find_study(study: str, root: Path) -> Path:
    """The YAML file of a study, given by its name or by the path of its file; relative to root.

    Raises ConfigError where there is none, with the names that there are.
    """
    given = Path(study)
    file = given if given.suffix in (".yaml", ".yml") else paths.study_file(study)
    if (root / file).is_file():
        return file
    folder = paths.study_file("any").parent
    known = sorted(path.stem for path in (root / folder).glob("*.yaml"))
    if not known:
        raise ConfigError(
            f"{(root / folder).resolve()}: no studies here, so this is not the folder of a workflow; "
            "go to one, or make one with `splitplot init FOLDER`"
        )
    close = get_close_matches(given.stem, known, n=1)
    hint = f'; did you mean "{close[0]}"?' if close else ""
    raise ConfigError(f'{folder}: no study "{study}"{hint} (there are: {", ".join(known)})')


def create(folder: Path) -> list[Path]:
    """Make the folder; returns the files in it.

    Raises ConfigError, before anything is written, if one of them exists already or cannot be.
    """
    for parent in (folder, *folder.parents):
        if os.path.lexists(parent) and not parent.is_dir():
            raise ConfigError(
                f"{parent} is not a folder; choose another place, nothing was changed"
            )
    snakefile = SNAKEFILE.format(workflow=paths.REPOSITORY / "Snakefile")
    texts = {
        "Snakefile": snakefile,
        "config/config.yaml": CONFIG,
        "config/studies/first.yaml": STUDY,
        "config/items/questions.jsonl": QUESTIONS,
        ".gitignore": GITIGNORE,
    }
    targets = [folder / name for name in (*texts, *COPIED, *PROFILES)]
    for target in targets:
        if os.path.lexists(target):
            raise ConfigError(f"{target} exists; choose a new folder, nothing was changed")
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(paths.REPOSITORY / name, folder / name)
    for name in PROFILES:
        (folder / name).symlink_to(f"profiles/{name}")
    return targets
