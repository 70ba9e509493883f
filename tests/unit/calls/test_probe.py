"""One tiny call per model: does it answer, and if not, would waiting help?"""

import pytest

from splitplot.calls.probe import MAX_TOKENS, probe, probe_body
from splitplot.files import read_json


def ask(case, server, model="paid", **settings):
    models = (case.path / "config/models.yaml").read_text()
    case.write("config/models.yaml", models.replace("http://127.0.0.1:9", server))
    plan = case.plan(models=[model], **settings)
    return probe(plan["trials"][0], plan, case.ledger)


def spent(case):
    files = (case.ledger / "spend" / "s").glob("*.json")
    return [read_json(path)["spent"] for path in files]


def test_a_model_that_answers_is_ok_and_its_price_is_told(case, start_server, tmp_path):
    server = start_server(tmp_path / "server")
    found = ask(case, server.url)
    assert (found.model, found.state) == ("paid", "ok")
    assert found.message.startswith("The answer is")
    assert found.usd > 0
    assert server.stats()["received"] == 1
    assert [path.name for path in case.ledger.iterdir()] == ["spend"]  # no answer is kept
    (amount,) = spent(case)
    assert (amount["usd"], amount["calls"]) == (found.usd, 1)


@pytest.mark.parametrize(
    ("faults", "state", "word"),
    [
        ({"429": 1.0}, "transient", "429"),
        ({"500": 1.0}, "transient", "500"),
        ({"reset": 1.0}, "transient", ""),
        ({"unknown_model": True}, "terminal", "does not exist"),
        ({"all_401": True}, "terminal", ""),
        ({"bad_request": True}, "terminal", "Unsupported value"),
        ({"insufficient_quota": True}, "terminal", "quota"),
    ],
)
def test_what_waiting_would_mend_is_told_from_what_it_would_not(
    case, start_server, tmp_path, faults, state, word
):
    server = start_server(tmp_path / "server", faults=faults)
    found = ask(case, server.url)
    assert (found.state, word in found.message) == (state, True), found.message
    assert server.stats()["received"] == 1  # one attempt
    server.kill()


def test_a_server_that_is_not_there_is_transient(case):
    assert ask(case, "http://127.0.0.1:9").state == "transient"


def test_a_missing_key_is_terminal_names_the_variable_and_sends_nothing(case, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    models = (case.path / "config/models.yaml").read_text()
    case.write(
        "config/models.yaml", models.replace("api_key_env: null", "api_key_env: NO_SUCH_KEY")
    )
    found = ask(case, "http://127.0.0.1:9")
    assert (found.state, "NO_SUCH_KEY" in found.message) == ("terminal", True)


def test_a_simulated_model_has_nothing_to_ask(case):
    assert ask(case, "http://127.0.0.1:9", "robot").state == "ok"


@pytest.mark.parametrize(("model", "word"), [("paid", "no room"), ("unknown", "not known")])
def test_no_probe_is_sent_beyond_a_cap(case, start_server, tmp_path, model, word):
    server = start_server(tmp_path / "server")
    found = ask(case, server.url, model, budget={"max_usd": 0})
    assert (found.state, word in found.message) == ("terminal", True), found.message
    assert server.stats()["received"] == 0
    server.kill()


def test_probes_together_keep_to_the_cap(case, start_server, tmp_path):
    server = start_server(tmp_path / "server")
    states = [ask(case, server.url, budget={"quota": {"paid": {"calls": 2}}}) for _ in range(3)]
    assert [found.state for found in states] == ["ok", "ok", "terminal"]
    assert server.stats()["received"] == 2
    server.kill()


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_probe_has_the_trials_settings_with_a_short_answer(name):
    body = probe_body({"temperature": 0.3, name: 9000})
    assert (body["temperature"], body[name]) == (0.3, MAX_TOKENS)
    assert probe_body({name: 5})[name] == 5


def test_no_limit_is_sent_where_the_trial_sends_none():
    assert set(probe_body({"temperature": 0})) == {"messages", "temperature"}
