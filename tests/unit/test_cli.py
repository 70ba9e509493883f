"""The `splitplot` command: every subcommand, its JSON, its exit codes, its messages."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from splitplot.cli import main

COMMANDS = ("status", "estimate", "approve", "refill", "probe")


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
    for command in ("status", "estimate", "refill", "probe"):
        call(command, "s")
    call("models")
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
    assert shown == {"init", "models", *COMMANDS}
    listed = re.findall(r"^\| `splitplot (\w+)", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(shown)
