"""One tiny call per model: does it answer, and if not, would waiting help?"""

import pytest

from splitplot.calls.probe import MAX_TOKENS, probe, probe_body


def trial(case, server, model="paid", **settings):
    models = (case.path / "config/models.yaml").read_text()
    case.write("config/models.yaml", models.replace("http://127.0.0.1:9", server))
    return case.plan(models=[model], **settings)["trials"][0]


def test_a_model_that_answers_is_ok_and_its_price_is_told(case, start_server, tmp_path):
    server = start_server(tmp_path / "server")
    found = probe(trial(case, server.url))
    assert (found.model, found.state) == ("paid", "ok")
    assert found.message.startswith("The answer is")
    assert found.usd > 0
    assert server.stats()["received"] == 1
    assert not case.ledger.exists()


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
    found = probe(trial(case, server.url))
    assert (found.state, word in found.message) == (state, True), found.message
    assert server.stats()["received"] == 1  # one attempt
    server.kill()


def test_a_server_that_is_not_there_is_transient(case):
    assert probe(trial(case, "http://127.0.0.1:9")).state == "transient"


def test_a_missing_key_is_terminal_names_the_variable_and_sends_nothing(case, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    models = (case.path / "config/models.yaml").read_text()
    case.write(
        "config/models.yaml", models.replace("api_key_env: null", "api_key_env: NO_SUCH_KEY")
    )
    found = probe(case.plan()["trials"][0])
    assert (found.state, "NO_SUCH_KEY" in found.message) == ("terminal", True)


def test_a_simulated_model_has_nothing_to_ask(case):
    assert probe(case.plan(models=["robot"])["trials"][0]).state == "ok"


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_probe_has_the_trials_settings_with_a_short_answer(name):
    body = probe_body({"temperature": 0.3, name: 9000})
    assert (body["temperature"], body[name]) == (0.3, MAX_TOKENS)
    assert probe_body({name: 5})[name] == 5


def test_no_limit_is_sent_where_the_trial_sends_none():
    assert set(probe_body({"temperature": 0})) == {"messages", "temperature"}
