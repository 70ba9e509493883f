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
studies: [{study}]
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
FIRST = "first"
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


def create(folder: Path, study: str = FIRST) -> list[Path]:
    """Make the folder; returns the files in it.

    study: the first one, which is made here, or one of splitplot's own, copied with what it names.
    Raises ConfigError, before anything is written, if a file exists already or cannot be, or if there
    is no such study.
    """
    for parent in (folder, *folder.parents):
        if os.path.lexists(parent) and not parent.is_dir():
            raise ConfigError(
                f"{parent} is not a folder; choose another place, nothing was changed"
            )
    snakefile = SNAKEFILE.format(workflow=paths.REPOSITORY / "Snakefile")
    texts = {
        "Snakefile": snakefile,
        "config/config.yaml": CONFIG.format(study=study),
        ".gitignore": GITIGNORE,
    }
    if study == FIRST:
        texts |= {
            paths.study_file(FIRST).as_posix(): STUDY,
            "config/items/questions.jsonl": QUESTIONS,
        }
    own = () if study == FIRST else _files_of(study)
    copied = list(dict.fromkeys((*COPIED, *own)))
    targets = [folder / name for name in (*texts, *copied, *PROFILES)]
    for target in targets:
        if os.path.lexists(target):
            raise ConfigError(f"{target} exists; choose a new folder, nothing was changed")
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name in copied:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(paths.REPOSITORY / name, folder / name)
    for name in PROFILES:
        (folder / name).symlink_to(f"profiles/{name}")
    return targets


def _files_of(study: str) -> list[str]:
    """The file of one of splitplot's own studies, and the prompts and items in its repository."""
    from splitplot.config_file import read_document

    file = find_study(study, paths.REPOSITORY)
    value = read_document(paths.REPOSITORY / file, paths.REPOSITORY).value
    named = [*value["conditions"].values(), *(source.get("path") for source in value["items"])]
    inside = [name for name in named if isinstance(name, str) and ".." not in Path(name).parts]
    return [file.as_posix(), *inside]
