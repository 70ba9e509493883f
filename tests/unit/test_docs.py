"""What README and docs say of the repository is true: links, paths, commands, studies, tables of keys."""

import re
import shutil
from functools import cache
from pathlib import Path

import pytest
import yaml

from splitplot import __version__, cli, paths, workspace
from splitplot.calls.batch import protocols
from splitplot.calls.sim import DEFAULTS
from splitplot.design import make_plan
from splitplot.providers import BATCH_URLS, LITELLM_KEYS, OPENAI_COMPATIBLE
from splitplot.registry import load_registry
from splitplot.study import load_study

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *(REPOSITORY / "docs").glob("*.md")]
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@cache
def read(page):
    return page.read_text(encoding="utf-8")


def prose(page):
    return FENCE.sub("", read(page))


def blocks(page, *languages):
    return [text for language, text in FENCE.findall(read(page)) if language in languages]


@cache
def anchors(page):
    """The anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_ignored(path):
    """Whether the path is made by running, and thus not in the repository."""
    return path.split("/")[0] in ("results", ".venv", ".snakemake")


@EVERY_PAGE
def test_every_relative_link_leads_to_a_file_and_its_heading(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.is_file(), target
        if anchor:
            assert anchor in anchors(linked), target


MADE_BY_INIT = {
    "config/studies/first.yaml",
    "config/items/questions.jsonl",
    *workspace.COPIED,
}


@EVERY_PAGE
def test_every_path_of_the_repository_that_is_named_exists(page):
    top = {path.name for path in REPOSITORY.iterdir() if not is_ignored(path.name)}
    examples = MADE_BY_INIT | {
        f"config/studies/{yaml.safe_load(block)['study']}.yaml"
        for block in blocks(page, "yaml")
        if block.startswith("study:")
    }
    for named in CODE.findall(prose(page)):
        path = named.rstrip("/")
        if not re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*", path) or path in examples:
            continue
        if path.split("/")[0] in top and ("/" in path or "." in path):
            assert list(REPOSITORY.glob(path)), f"{page.name}: {named}"


@EVERY_PAGE
def test_every_path_of_results_that_is_named_is_one_that_the_workflow_makes(page):
    places = [value for value in vars(paths).values() if isinstance(value, str)]
    known = {place.split("/")[2] for place in places if place.startswith(f"{paths.STUDY}/")}
    pattern = r"results/(?:\{study\}|demo|first|rehearsal|a)/([\w.{}-]+)"
    for part in re.findall(pattern, read(page)):
        assert part in known, f"{page.name}: {part}"


@EVERY_PAGE
def test_every_command_that_is_named_exists(page, capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    known = re.search(r"^commands:\n(.*?)^\S", capsys.readouterr().out, re.DOTALL | re.MULTILINE)
    commands = set(re.findall(r"^    (\w+)", known[1], re.MULTILINE))
    code = "\n".join([*blocks(page, "sh", "console"), *CODE.findall(prose(page))])
    for command in re.findall(r"^(?:\$ )?splitplot (\w+)", code, re.MULTILINE):
        assert command in commands, command
    goals = set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for goal in re.findall(r"^make ([\w-]+)", code, re.MULTILINE):
        assert goal in goals, goal


@pytest.fixture
def folder(tmp_path):
    """A workflow's folder with the repository's configuration, and a first study as `init` makes it."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    shutil.copytree(REPOSITORY / "prompts", tmp_path / "prompts")
    (tmp_path / "config/studies/first.yaml").write_text(workspace.STUDY, encoding="utf-8")
    (tmp_path / "config/items/questions.jsonl").write_text(workspace.QUESTIONS, encoding="utf-8")
    return tmp_path


PARTS_OF_A_STUDY = {
    "items": [{"path": "config/items/questions.jsonl"}],
    "models": ["smollm2-135m", "sims"],
    "conditions": {"direct": "prompts/solver/direct.md"},
    "scorers": ["numeric"],
}
"""What a page that shows a part of a study leaves out."""


SYSTEM = "One rule. A second rule. Rule three. One more rule."


def write_what_is_missing(study, folder):
    """The user's own files that a study in a page names: templates, items, scorers."""
    arms = (study.get("conditions") or {}).values()
    templates = [arm for arm in arms if isinstance(arm, str)]
    sources = [source.get("path") for source in study.get("items") or []]
    scorers = [entry if isinstance(entry, str) else entry["scorer"] for entry in study["scorers"]]
    own = [scorer.split(":") for scorer in scorers if ":" in scorer]
    texts = (
        [(path, f"---\nsystem: {SYSTEM}\n---\n{{{{ input }}}}\n{path}") for path in templates]
        + [(path, workspace.QUESTIONS) for path in sources if path]
        + [(path, f"def {function}(response, item):\n    return 1.0\n") for path, function in own]
    )
    for path, text in texts:
        file = folder / path
        if ".." not in path and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


YAML_BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page, "yaml"))
]


@pytest.mark.parametrize("block", YAML_BLOCKS)
def test_every_study_and_registry_in_the_docs_is_valid(folder, block):
    value = yaml.safe_load(block)
    if isinstance(value.get("models"), dict):
        (folder / "config/models.yaml").write_text(block, encoding="utf-8")
        assert load_registry(folder).names() == list(value["models"])
        return
    whole = value if "extends" in value else {"study": "part", **PARTS_OF_A_STUDY} | value
    write_what_is_missing({"scorers": []} | whole, folder)
    if "study" in value and ("extends" in value or set(PARTS_OF_A_STUDY) <= set(value)):
        text = block  # as it stands, comments and all
    else:
        text = yaml.safe_dump(whole)
    file = folder / "config/studies" / f"{whole['study']}.yaml"
    file.write_text(text, encoding="utf-8")
    assert load_study(file, folder).study == whole["study"]


@EVERY_PAGE
def test_no_page_names_a_package_index_or_a_folder_of_somebodys_machine(page):
    places = r"py[p]i|python[h]osted|anaconda[.]org|--(extra-)?[i]ndex|--find[-]links"
    assert not re.search(places, read(page), re.I)
    assert not re.search(r"(?<![\w.}])/(?:home|root|work|tmp|Users|opt|mnt)/", read(page))


def test_every_page_is_linked_from_the_readme():
    linked = re.findall(r"\]\((docs/[^)#]+)", read(REPOSITORY / "README.md"))
    assert {f"docs/{page.name}" for page in (REPOSITORY / "docs").glob("*.md")} <= set(linked)


def test_the_study_in_the_tutorial_is_the_one_that_init_makes():
    comment, _, study = workspace.STUDY.partition("\n")
    assert comment.startswith("#")
    assert study in blocks(REPOSITORY / "docs/tutorial.md", "yaml")


def keys_in(value):
    """Every key of mappings, at any depth."""
    if isinstance(value, list):
        return set().union(*(keys_in(inner) for inner in value)) if value else set()
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(keys_in(inner) for inner in value.values()))


def test_the_page_on_the_plan_names_every_key(folder):
    page = read(REPOSITORY / "docs/plan.md")
    plan = make_plan(folder / "config/studies/demo.yaml", folder)
    shown = set(re.findall(r"\w+", " ".join(CODE.findall(page))))
    told = {key: plan[key] for key in plan if key not in ("items", "budget", "execution")}
    told["scorers"] = [scorer | {"options": None} for scorer in plan["scorers"]]
    for trial in told["trials"]:
        trial |= {"parameters": None, "endpoint": dict.fromkeys(trial["endpoint"])}
    assert keys_in(told) - shown == set()
    remote = load_registry(folder).resolve("openai/gpt-5-mini")
    assert set(remote.endpoint) - shown == set()
    assert set(remote.batch) - shown == set()


def test_the_page_on_models_names_every_provider_with_its_variable_and_every_setting():
    page = read(REPOSITORY / "docs/models.md")
    for provider, (_, variable) in OPENAI_COMPATIBLE.items():
        assert f"| `{provider}` | `{variable}` | `realtime` |" in page
    for provider, variable in re.findall(r"\| `(\w+)` \| `(\w+)` \| `litellm` \|", page):
        assert LITELLM_KEYS[provider] == variable
    for setting in DEFAULTS:
        assert f"| `{setting}` |" in page
    batches = page.partition("## Batches\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", batches, re.MULTILINE) == list(BATCH_URLS)


@pytest.mark.parametrize("protocol", list(BATCH_URLS))
def test_the_page_on_models_tells_the_limits_that_are_kept(protocol):
    page = read(REPOSITORY / "docs/models.md")
    row = re.search(rf"^\| `{protocol}` \| .*$", page.partition("## Batches\n")[2], re.MULTILINE)
    requests, size = row[0].split(" | ")[2:4]
    limits = protocols.provider(protocol).limits
    shown = None if requests == "–" else int(requests.split()[0].replace(",", ""))
    assert shown == limits.requests
    number, unit = size.split()[:2]
    largest = int(number) * {"MB": 10**6, "GB": 10**9}[unit]
    assert 0.99 * largest <= limits.bytes <= largest  # what wraps the requests counts, too


def test_the_page_on_the_workflow_names_every_rule():
    rules = set()
    for file in (REPOSITORY / "workflow/rules").glob("*.smk"):
        rules |= set(re.findall(r"^rule (\w+):", file.read_text(encoding="utf-8"), re.MULTILINE))
    on_request = {"item_responses_csv", "responses_so_far"}
    page = read(REPOSITORY / "docs/workflow.md")
    assert set(re.findall(r"^\| `(\w+)` \| `[\w.]+", page, re.MULTILINE)) >= rules - on_request


def test_the_version_of_the_software_has_an_entry_in_the_changes():
    assert f"## {__version__}\n" in read(REPOSITORY / "CHANGELOG.md")
