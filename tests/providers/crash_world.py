"""What crash_matrix.py works on: a provider, folders with one or two studies, what must hold at the end.

The two studies of a race share all cells and cut them into parts differently, so that a batch of the one
answers requests of the other.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
KEY_VARIABLE = "CRASH_MATRIX_KEY"
BASES = {
    "openai": "/v1",
    "azure": "",
    "anthropic": "",
    "gemini": "/v1beta",
    "mistral": "/v1",
    "groq": "/openai/v1",
    "together": "/v1",
    "fireworks": "",
}
"""Path of each provider's default base_url."""
MODELS = {"fireworks": "accounts/lab/models/lab-model"}

ITEMS = 12
PRICE = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 4}
DISCOUNT = 0.5
SERVER = {
    "validate_s": 0.05,
    "run_s": 0.25,
    "answers": "echo_key",
    "foreign": 2,
    "prices": {
        "input": PRICE["usd_per_million_input_tokens"] * DISCOUNT,
        "output": PRICE["usd_per_million_output_tokens"] * DISCOUNT,
    },
}
LATE = {"when": "after", "how": "hang", "late_s": 0.8}
"""A create call that is kept waiting, and takes effect when the caller has gone."""
BATCH = {"poll_s": 0.1, "settle_s": 1.8, "timeout_s": 2}


class Server:
    """tests/providers/batch_server.py in a process of its own."""

    def __init__(self, provider: str, state: Path) -> None:
        command = [sys.executable, str(REPOSITORY / "tests/providers/batch_server.py")]
        command += ["--provider", provider, "--state", str(state)]
        command += ["--settings", json.dumps(SERVER)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.url = f"http://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"
        self.base_url = self.url + BASES[provider]

    def get(self, path: str):
        return json.load(urllib.request.urlopen(self.url + path))

    def at_rest(self, before: dict) -> dict:
        """Its counts, when every create call since `before` has taken effect and every batch has ended.

        What nobody waits for is billed, too.
        """
        until = time.monotonic() + 5
        while True:
            stats = self.get("/_stats")
            calls = stats["calls"].get("create", 0) - before["calls"].get("create", 0)
            rests = stats["created"] - before["created"] == calls and not stats["in_flight"]
            if rests or time.monotonic() > until:
                return stats
            time.sleep(0.02)

    def set(self, **more) -> None:
        """Take the usual settings, and these."""
        data = json.dumps(SERVER | more).encode()
        urllib.request.urlopen(f"{self.url}/_settings", data=data).read()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class World:
    """A folder in which studies run, new for every case.

    label: makes its requests different ones. studies: name → number of parts.
    """

    def __init__(
        self, folder: Path, provider: str, base_url: str, label: str, studies: dict[str, int]
    ) -> None:
        self.folder, self.label, self.studies = folder, label, studies
        self.ledger = folder / "results/ledger"
        batch = {"protocol": provider, "base_url": base_url, "api_key_env": KEY_VARIABLE, **BATCH}
        if provider == "fireworks":
            batch["account"] = "lab"
        name = f"{provider}/{MODELS.get(provider, 'lab-model')}"
        model = {"model": name, "batch": batch, "price": PRICE | {"batch_discount": DISCOUNT}}
        self.write("config/models.yaml", json.dumps({"models": {"m": model}}))
        self.write("prompts/p.md", "{{ input }}\n")
        items = [
            {"id": f"i{n}", "input": f"{label}: what is {n} + 2?", "target": n + 2}
            for n in range(ITEMS)
        ]
        self.write("data/items.jsonl", "".join(json.dumps(item) + "\n" for item in items))
        for study, parts in studies.items():
            content = {
                "study": study,
                "question": "Does it hold?",
                "items": [{"path": "data/items.jsonl"}],
                "models": ["m"],
                "sampling": [{"name": "low", "max_tokens": 50}],
                "conditions": {"p": "prompts/p.md"},
                "replications": 1,
                "scorers": ["numeric"],
                "execution": {"route": "batch", "parts": parts},
                "budget": {"confirm_above_usd": 100, "max_usd": 5},
            }
            self.write(f"config/studies/{study}.yaml", json.dumps(content))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def prepare(self) -> None:
        """What the workflow makes before the first request leaves: plan, items, requests."""
        from splitplot.calls.requests import write_part
        from splitplot.design import make_plan
        from splitplot.files import write_json
        from splitplot.items import load_items, write_items

        for study in self.studies:
            place = self.folder / "results" / study
            plan = make_plan(Path(f"config/studies/{study}.yaml"), self.folder)
            write_json(place / "plan.json", plan)
            items, _ = load_items(plan["items"], root=self.folder)
            write_items(place / "items.parquet", items)
            for part in plan["parts"]:
                trial, condition = cell(plan)
                folder = self.part(study, plan, part)
                write_part(plan, trial, condition, part, place / "items.parquet", folder)

    def plan(self, study: str) -> dict:
        return json.loads((self.folder / "results" / study / "plan.json").read_text())

    def part(self, study: str, plan: dict, part: str) -> Path:
        return self.folder.joinpath("results", study, "calls", *cell(plan), part)

    def parts(self):
        """(study, plan, name of the part) of every part."""
        for study in self.studies:
            plan = self.plan(study)
            yield from ((study, plan, part) for part in plan["parts"])


def cell(plan: dict) -> tuple[str, str]:
    """(trial, condition) of the only cell."""
    return plan["cells"][0]["trial"], plan["cells"][0]["condition"]


# The checks


def requested(world: World) -> dict[tuple[str, str], list[str]]:
    """Keys by study and part."""
    return {
        (study, part): [row["custom_id"] for row in _rows(folder / "requests.jsonl")]
        for study, plan, part in world.parts()
        for folder in [world.part(study, plan, part)]
    }


def violations(world: World, before: dict, after: dict, billed: dict[str, int]) -> list[str]:
    """What is wrong at the end; before, after: the server's counts; billed: lines by custom_id."""
    from splitplot.calls.batch.store import Store
    from splitplot.calls.ledger import records

    wanted = requested(world)
    keys = {key for part in wanted.values() for key in part}
    found = []

    def check(what: str, here, there) -> None:
        if here != there:
            found.append(f"{what}: {here} instead of {there}")

    check("distinct requests", len(keys), ITEMS)
    check("lines billed", after["billed"] - before["billed"], len(keys))
    check("times that a request was billed", counts(billed.get(key, 0) for key in keys), {1: ITEMS})
    check("batches that never end", after["in_flight"], 0)

    answers = [
        record
        for path in world.ledger.glob("*/*.jsonl")
        for record in records(path)
        if record["kind"] == "response"
    ]
    times = Counter(record["key"] for record in answers)
    check("times that the ledger holds an answer", counts(times.values()), {1: ITEMS})
    check("outcomes in the ledger", counts(r["outcome"] for r in answers), {"ok": ITEMS})
    check("answers to another request", sum(r["text"] != r["key"] for r in answers), 0)
    for (study, part), asked in wanted.items():
        rows = list(_rows(world.part(study, world.plan(study), part) / "responses.jsonl"))
        check(f"rows of study {study}, part {part}", [row["key"] for row in rows], asked)
        check(
            f"answers in study {study}, part {part}",
            counts((row["outcome"], row["text"] == row["key"]) for row in rows),
            counts(("ok", True) for _ in asked),
        )

    spent = reserved = 0.0
    for path in world.ledger.glob("spend/*/*.json"):
        state = json.loads(path.read_text())
        spent += state["spent"]["usd"]
        reserved += state["reserved"]["usd"] + state["reserved"]["calls"]
    dollars = after["usd"] - before["usd"]
    if abs(spent - dollars) > 1e-9 or not dollars:
        found.append(f"dollars in the spend files: {spent:.9f} instead of {dollars:.9f}")
    told = sum(record["usd"] or 0 for record in answers)
    if abs(told - dollars) > 1e-9:
        found.append(f"dollars in the ledger: {told:.9f} instead of {dollars:.9f}")
    check("dollars and calls still reserved", round(reserved, 9), 0)
    check("open batches", [b.name for b in Store(world.ledger).open_batches()], [])
    return found


def counts(values) -> dict:
    """How often each value comes, as a plain dict."""
    return dict(sorted(Counter(values).items(), key=str))


def _rows(path: Path):
    with path.open("rb") as file:
        yield from map(json.loads, file)
