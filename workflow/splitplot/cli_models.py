"""The commands about models: which have a name here, and whether those of a study answer."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from splitplot import paths
from splitplot.cli_shared import EXIT_FAILED, EXIT_OK, plan_of, show
from splitplot.cli_text import table


def models(args: Namespace) -> int:
    """The models of config/models.yaml, their routes, prices, keys."""
    from splitplot.calls.pricing import find_price
    from splitplot.calls.session import FREE_ROUTES
    from splitplot.registry import load_registry

    registry = load_registry(Path.cwd())
    rows: list[dict[str, Any]] = []
    for name in registry.names():
        model = registry.resolve(name)
        endpoint = model.endpoint
        priced = None
        if model.route not in FREE_ROUTES:
            priced = find_price(model.model_id, endpoint["model"], endpoint.get("price"))
        key = endpoint.get("api_key_env")
        rows.append(
            {
                "name": name,
                "model_id": model.model_id,
                "route": model.route,
                "batch": model.batch["protocol"] if model.batch else None,
                "batch_reason": model.batch_reason,
                "price": priced.source if priced else None,
                "free": model.route in FREE_ROUTES,
                "api_key_env": key,
                "api_key_set": bool(os.environ.get(key)) if key else None,
            }
        )
    lines = [
        (
            row["name"],
            row["model_id"],
            row["route"],
            row["batch"] or "no",
            "free" if row["free"] else row["price"] or "unpriced",
            f"{row['api_key_env']} {'set' if row['api_key_set'] else 'NOT SET'}"
            if row["api_key_env"]
            else "needs none",
        )
        for row in rows
    ]
    groups = "".join(f"\ngroup {name}: {', '.join(m)}" for name, m in registry.groups.items())
    text = table(("name", "model", "route", "batch", "price", "key"), lines) + groups
    if not rows:
        text = (
            "config/models.yaml names no models; a study may use any provider/model without an entry"
            if Path("config/models.yaml").exists()
            else f"{Path.cwd()} has no config/models.yaml; go to the folder of a workflow, or make one "
            "with `splitplot init FOLDER`"
        )
    show(args, {"models": rows, "groups": registry.groups}, text)
    return EXIT_OK


def probe(args: Namespace) -> int:
    """Ask each model of a study for one word."""
    from splitplot.calls.probe import probe

    plan = plan_of(args)
    first_trials = {trial["model"]: trial for trial in reversed(plan["trials"])}
    ledger = Path.cwd() / paths.LEDGER
    probes = [probe(first_trials[model], plan, ledger) for model in sorted(first_trials)]
    rows = [(row.model, row.route, row.state, row.message) for row in probes]
    text = table(("model", "route", "state", "message"), rows)
    show(args, {"models": [row.to_json() for row in probes]}, text)
    return EXIT_OK if all(row.state == "ok" for row in probes) else EXIT_FAILED
