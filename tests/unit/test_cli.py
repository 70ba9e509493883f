"""The `splitplot` command: every subcommand, its JSON, its exit codes, its messages."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from splitplot.cli import main

COMMANDS = (
    "status",
    "estimate",
    "approve",
    "refill",
    "probe",
    "cancel",
    "ledger",
    "audit",
    "prompts",
)


@pytest.fixture
def here(root, monkeypatch):
    """A workspace with a simulated study of 4 cells."""
    monkeypatch.chdir(root.path)
    root.save(models=["sims"])
    return root


@pytest.fixture
def call(capsys):
    def run(*arguments):
        code = main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_question_is_answered_on_a_fresh_study(here, call, command):
    code, out, err = call(command, "s")
    assert (code, err) == (0, "")
    assert out.strip()


@pytest.mark.parametrize("command", [(name, "s") for name in COMMANDS] + [("models",)])
def test_every_answer_exists_as_one_json_value(here, call, command):
    code, out, _ = call(*command, "--json")
    assert code == 0
    assert isinstance(json.loads(out), dict)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_name_is_a_wrong_configuration_with_the_near_miss(here, call, command):
    root = here
    root.save(study="first")
    code, out, err = call(command, "frist")
    assert (code, out) == (2, "")
    assert err == (
        'splitplot: config/studies: no study "frist"; did you mean "first"? (there are: first, s)\n'
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_folder_is_told_from_a_wrong_name(tmp_path, monkeypatch, call, command):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(command, "s")
    assert (code, "splitplot init" in err) == (2, True)


def test_models_in_an_empty_folder_says_where_it_looked(tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    code, out, _ = call("models")
    assert code == 0
    assert "has no config/models.yaml" in out


def test_an_error_is_one_json_value_too(here, call):
    code, out, err = call("status", "frist", "--json")
    assert code == 2
    assert json.loads(out)["exit_code"] == 2
    assert err.startswith("splitplot: ")


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_control_sequences_in_an_error_reach_no_terminal(here, call, arguments):
    code, out, err = call("status", "a\x1b[2J\x9b\u202e", *arguments)
    assert code == 2
    assert not set("\x1b\x9b\u202e") & set(out + err)
    assert "a⟨U+001B⟩[2J" in err
    if out:
        assert "a\x1b[2J\x9b\u202e" in json.loads(out)["error"]


def test_questions_make_no_file(here, call):
    before = sorted(here.path.rglob("*"))
    for command in ("status", "estimate", "refill", "probe", "cancel"):
        call(command, "s")
    call("models")
    call("ledger")
    assert sorted(here.path.rglob("*")) == before


def test_a_study_may_be_named_by_its_file(here, call):
    assert call("status", "config/studies/s.yaml") == call("status", "s")


PAID = """
models:
  paid:
    model: lab/paid
    base_url: http://127.0.0.1:9/v1
    api_key_env: NO_SUCH_KEY
    price: {usd_per_million_input_tokens: 1000, usd_per_million_output_tokens: 1000}
"""


@pytest.fixture
def paid(here, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    here.write("config/models.yaml", PAID)
    here.save(models=["paid"], budget={"confirm_above_usd": 0.5})
    return here


def test_above_the_limit_estimate_ends_with_3_until_it_is_approved(paid, call):
    code, out, err = call("estimate", "s")
    assert code == 3
    assert "2 would be sent (at most $1." in out
    assert "splitplot approve s" in err
    code, out, _ = call("estimate", "s", "--json")
    assert (code, "splitplot approve s" in json.loads(out)["warning"]) == (3, True)
    code, out, _ = call("approve", "s")
    assert (code, out.startswith("approved for study s: 2 requests, up to $1.")) == (0, True)
    code, out, err = call("estimate", "s", "--json")
    assert (code, json.loads(out)["warning"], err) == (0, None, "")


def test_what_does_not_fit_under_the_cap_ends_with_4(paid, call):
    paid.save(models=["paid"], budget={"confirm_above_usd": 9, "max_usd": 0.001})
    code, _, err = call("estimate", "s")
    assert (code, "budget.max_usd is $0.0010" in err) == (4, True)


def test_an_approval_is_asked_for_before_the_cap_is_told(paid, call):
    paid.save(models=["paid"], budget={"confirm_above_usd": 0.5, "max_usd": 0.001})
    assert call("estimate", "s")[0] == 3


BATCHED = """
models:
  paid:
    model: openai/gpt-4o-mini
    api_key_env: NO_SUCH_KEY
    batch: {max_requests: 1}
  other: {model: openai/gpt-4o, batch: false}
"""


@pytest.fixture
def batched(here, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    here.write("config/models.yaml", BATCHED)
    rows = [{"id": str(n), "input": f"{n} + 1?", "target": n + 1} for n in range(4)]
    here.write("data/items.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    here.save(models=["paid"], execution={"route": "batch", "parts": 1})
    return here


def open_batch(here, count=4):
    """An open batch of the study's first cell, as the job that makes it leaves it."""
    from splitplot.calls.batch.store import Store

    plan = here.plan(models=["paid"], execution={"route": "batch", "parts": 1})
    (trial,), cell = plan["trials"], plan["cells"][0]
    keys = [f"{number:032x}" for number in range(count)]
    batch = Store(here.path / "results/ledger").draft("openai--1", trial["hash"], keys)
    about = {"trial": trial["hash"], "trial_id": trial["id"], "model": "paid", "batch": "openai"}
    place = {"condition": cell["condition"], "part": "0-of-1", "study": "s"}
    numbers = {"count": count, "worst": {"usd": 1.5, "calls": count, "tokens": 9}}
    batch.write("intent", {"at": "2026-11-21T10:00:00+00:00", **about, **place, **numbers})
    batch.write("created", {"at": "2026-11-21T10:00:01+00:00", "id": "batch_1"})
    batch.note({"at": "2026-11-21T10:05:00+00:00", "state": "in_progress", "done": 1, "total": 4})
    return batch


def test_a_part_too_large_for_a_batch_ends_with_2_and_the_number_of_parts(batched, call):
    code, out, err = call("estimate", "s")
    assert (code, "8 would be sent, all in 2 batches at half price" in out) == (2, True)
    assert "openai takes at most 1 in one batch" in err
    parts = re.search(r"set execution\.parts to (\d+)", err)[1]
    batched.save(models=["paid"], execution={"route": "batch", "parts": int(parts)})
    assert call("estimate", "s")[0] == 0


def test_status_and_ledger_tell_of_open_batches(batched, call):
    open_batch(batched)
    _, out, _ = call("status", "s")
    assert "open batch: openai batch_1 (paid-greedy--" in out
    assert "is in_progress, 1 of 4 done, " in out
    _, out, _ = call("status", "s", "--json")
    assert [batch["id"] for batch in json.loads(out)["batches"]] == ["batch_1"]
    code, out, _ = call("ledger")
    assert (code, "batch_1" in out, "at most $1.50 reserved" in out) == (0, True, True)


def test_what_a_provider_says_reaches_no_terminal_as_it_is(batched, call):
    batch = open_batch(batched)
    batch.note({"at": "x", "state": "in\x1b[2Jprogress"})
    for command in (("status", "s"), ("ledger",), ("status", "s", "--json")):
        assert "\x1b" not in call(*command)[1]


def test_models_tells_which_go_by_batch(batched, call):
    _, out, _ = call("models")
    lines = {line.split()[0]: line.split() for line in out.splitlines()}
    assert (lines["paid"][3], lines["other"][3]) == ("openai", "no")
    _, out, _ = call("models", "--json")
    assert {row["name"]: row["batch"] for row in json.loads(out)["models"]} == {
        "paid": "openai",
        "other": None,
    }


def spent(here, *answers, outcome="ok"):
    """Answers of study s in the ledger, and the table that a run would make of them."""
    import pyarrow as pa
    from pyarrow import parquet

    from splitplot.calls.ledger import LedgerWriter
    from splitplot.calls.records import Response

    header = {"study": "s", "trial": "t", "model": "paid"}
    keys = [f"{number:032x}" for number in range(len(answers))]
    with LedgerWriter(here.path / "results/ledger", "0" * 16, header) as writer:
        for key, usd in zip(keys, answers, strict=True):
            writer.response(Response(key, outcome, usd=usd, route="batch", study="s"))
    (here.path / "results/s").mkdir(exist_ok=True)
    columns = {"key": keys, "outcome": [outcome] * len(keys), "usd": list(answers)}
    parquet.write_table(pa.table(columns), here.path / "results/s/item_responses.parquet")


def test_a_ledger_that_agrees_with_the_table_says_so_to_the_cent(batched, call):
    spent(batched, 0.5, 0.75)
    code, out, _ = call("ledger", "s")
    assert code == 0
    assert "in all: 2 requests, 2 answers, $1.25" in out
    assert "$1.25 for 2 answers in results/s/item_responses.parquet" in out
    assert out.rstrip().endswith("which agrees to the cent")
    code, out, _ = call("ledger", "s", "--json")
    value = json.loads(out)
    assert value["total"]["usd"] == value["reconciliation"]["paid"]["usd"] == 1.25
    assert value["rows"][0]["route"] == "batch"


def test_a_ledger_that_does_not_agree_ends_with_1(batched, call):
    spent(batched, 0.5, 0.75)
    for file in (batched.path / "results/ledger").glob("*/*.jsonl"):
        file.unlink()
    code, out, _ = call("ledger", "s")
    assert code == 1
    assert "2 answers in the table, worth $1.25, that the ledger does not have" in out


def test_the_ledger_knows_studies_that_are_gone(batched, call):
    spent(batched, 0.5)
    (batched.path / "config/studies/s.yaml").unlink()
    assert call("ledger", "s")[0] == 0
    batched.save(study="first")
    code, _, err = call("ledger", "frist")
    assert (code, 'did you mean "first"' in err) == (2, True)


def test_cancel_tells_in_words_what_came_of_it(batched, call, monkeypatch):
    counts = {"cancelled": 2, "ended": 1, "answers_kept": 120, "unanswered": 380}
    asked = []

    def cancel(plan, root, *, wait, say):
        asked.append((plan["study"], root, wait))
        say("batch_1: asked to \x1b stop")
        return counts | {"still_running": 1}

    monkeypatch.setattr("splitplot.calls.batch.cancel.cancel", cancel)
    code, out, err = call("cancel", "s")
    assert code == 0
    assert "2 batches of s asked to stop; 1 ended: 120 answers kept, 380 requests without" in out
    assert "1 still running" in out and "splitplot refill s" in out
    assert "\x1b" not in err
    assert json.loads(call("cancel", "s", "--no-wait", "--json")[1])["answers_kept"] == 120
    assert asked == [("s", Path.cwd(), True), ("s", Path.cwd(), False)]


def test_a_probe_that_fails_ends_with_1(paid, call):
    code, out, _ = call("probe", "s")
    assert (code, "NO_SUCH_KEY is not set" in out) == (1, True)


def test_models_tells_price_and_whether_a_key_is_set_and_never_the_key(paid, call, monkeypatch):
    assert "NO_SUCH_KEY NOT SET" in call("models")[1]
    monkeypatch.setenv("NO_SUCH_KEY", "sk-secret")
    _, out, _ = call("models", "--json")
    (row,) = json.loads(out)["models"]
    assert (row["price"], row["api_key_set"]) == ("config/models.yaml", True)
    assert "sk-secret" not in out + call("models")[1]


def test_a_mistake_in_the_study_names_file_and_key(here, call):
    here.save(models=["sims"], scorers=["numerc"])
    code, _, err = call("estimate", "s")
    assert code == 2
    assert "config/studies/s.yaml" in err
    assert 'did you mean "numeric"' in err


def test_init_makes_a_folder_and_prints_the_next_commands(tmp_path, call):
    folder = tmp_path / "a new one"
    code, out, _ = call("init", str(folder))
    assert (code, f"cd '{folder}'" in out) == (0, True)
    code, _, err = call("init", str(folder))
    assert (code, "Snakefile exists" in err) == (2, True)


def test_init_where_nothing_may_be_written_is_one_line(call):
    code, _, err = call("init", "/proc/nowhere")
    assert (code, err) == (1, "splitplot: /proc/nowhere: No such file or directory\n")


@pytest.mark.parametrize(
    "arguments", [[], ["statu"], ["status"], ["models", "s"], ["status", "--x"]]
)
def test_a_wrong_command_line_ends_with_2_and_its_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: splitplot" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error(here):
    code = "import sys; from splitplot.cli import main; sys.exit(main(['models']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 0)
    process.stderr.close()


def words(text):
    """Without what every edit of a prompt or a price changes: hashes, numbers, widths of columns."""
    return re.sub(r"--[0-9a-f]{8}|\d[\d,.]*", "#", text).split()


DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_the_document_shows_every_command_as_it_really_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = set()
    for kind, block in re.findall(r"```(console|yaml)\n(.*?)```", text, flags=re.DOTALL):
        if kind == "yaml":
            name = re.match(r"study: (\w+)", block)[1]
            Path(f"config/studies/{name}.yaml").write_text(block)
            continue
        line, output = block.split("\n", 1)
        command, _, expected = line.removeprefix("$ splitplot ").partition("    # exit code ")
        code = main(command.split())
        printed = capsys.readouterr()
        assert code == int(expected or 0), command
        assert words(printed.out + printed.err) == words(output)
        shown.add(command.split()[0])
        if command == "init mine":
            monkeypatch.chdir(tmp_path / "mine")
    assert shown == {"init", "models", "power", *COMMANDS}
    listed = re.findall(r"^\| `splitplot (\w+)", text, flags=re.MULTILINE)
    assert set(listed) == shown | {"archive", "compare"}  # these need a finished study
