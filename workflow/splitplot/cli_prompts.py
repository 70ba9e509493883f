"""The answer of `splitplot prompts`: what each arm sends, what it adds, and what is paid for already."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.cli_text import table
from splitplot.errors import ConfigError, near_miss
from splitplot.items.item import Item
from splitplot.text import dollars
from splitplot.waves import waves_of


def prompts_of_study(plan: dict[str, Any], items: Sequence[Item], *, exact: bool) -> dict[str, Any]:
    """The audit of the prompts with what the ledger has of each arm, as JSON values.

    exact: count by the tokenizer of each local model that llama.cpp serves, which loads it.
    """
    from splitplot.calls.engines.tokenizing import count_tokens
    from splitplot.calls.estimate import estimate
    from splitplot.calls.prompt_audit import audit
    from splitplot.looks import closed_parts

    found = audit(plan, len(items), count_tokens if exact else None)
    closed = closed_parts(plan, Path.cwd())
    total = estimate(plan, items, Path(paths.LEDGER), closed, named=False)
    for arm in found["arms"]:
        cells = [cell for cell in total.cells if cell.condition == arm["id"]]
        asked = sum(c["replications"] for c in plan["cells"] if c["condition"] == arm["id"])
        distinct = sum(cell.requests + cell.not_asked for cell in cells)
        arm["requests"] = asked * len(items) * len(waves_of(plan))
        arm["shared"] = arm["requests"] - distinct
        arm["in_ledger"] = sum(cell.in_ledger for cell in cells)
    sums = {key: sum(arm[key] for arm in found["arms"]) for key in ("requests", "shared")}
    return {"study": plan["study"], **found, **sums, "in_ledger": total.in_ledger}


def prompts_text(found: Mapping[str, Any]) -> str:
    """A line per arm, a line per cell with what the arm adds to its price, and what is paid for."""
    arms = [
        (
            arm["condition"],
            arm["path"],
            arm["hash"],
            _placebo(arm["placebo"]),
            arm["characters"],
            arm["words"],
            arm["tokens"],
            _signed(arm["added_tokens"]),
            arm["requests"],
            arm["shared"],
            arm["in_ledger"],
        )
        for arm in found["arms"]
    ]
    head = ("condition", "template", "hash", "placebo", "characters", "words", "tokens", "added")
    costs = [
        (
            row["trial"],
            row["condition"],
            row["route"],
            f"{row['tokens']:,}{'' if row['exact'] else ' expected'}",
            _signed(row["added_tokens"]),
            added_cost(row),
        )
        for row in found["costs"]
    ]
    return "\n".join(
        (
            table((*head, "requests", "shared", "in ledger"), arms),
            "",
            table(("trial", "condition", "route", "tokens", "added", "added per 1,000"), costs),
            "",
            f"added: to the control, “{found['control']}”. tokens: of a prompt without its item. per 1,000: "
            "dollars for the prompts of 1,000 requests; what longer or shorter answers cost is not in it.",
            f"study {found['study']}: {found['requests']:,} requests; {found['shared']:,} are the same as "
            f"others of the study and sent once; {found['in_ledger']:,} answers are in the ledger, in "
            "whichever study they were bought",
        )
    )


def shown(plan: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The whole of one arm, as plan.json has it. Raises ConfigError for a name that no arm has."""
    arms = {arm["name"]: dict(arm) for arm in plan["conditions"]}
    if name not in arms:
        hint = near_miss(name, list(arms))
        raise ConfigError(f'{plan["study_file"]}: --show: no condition "{name}"{hint}')
    return arms[name]


def shown_text(arm: Mapping[str, Any]) -> str:
    """An arm to read: where it comes from, then each text that is sent, under its role."""
    placebo = f", {_placebo(arm['placebo'])}" if arm.get("placebo") else ""
    template = arm["template"]
    texts = [("system", template["system"])] if template["system"] else []
    for example in template["examples"]:
        texts += [(f"example, {turn}", text) for turn, text in example.items()]
    texts.append(("user, with the item in its places", template["body"]))
    parts = [f"{arm['name']} ({arm['path']}{placebo}, {arm['hash']})"]
    return "\n\n".join([*parts, *(f"--- {role}\n{text}" for role, text in texts)])


def _placebo(placebo: Mapping[str, str] | None) -> str:
    return f"{placebo['kind']} of {placebo['of']}" if placebo else "no"


def _signed(count: int) -> str:
    return f"{count:+,}" if count else "0"


def added_cost(row: Mapping[str, Any]) -> str:
    """The added dollars per 1,000 requests with their sign, or why there are none."""
    added = row["added_usd_per_1000"]
    if added is None:
        return str(row["reason"])
    return f"{'−' if added < 0 else '+' if added else ''}{dollars(abs(added))}"
