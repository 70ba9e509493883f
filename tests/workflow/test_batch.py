"""Real runs by batch: every request is paid once whatever is changed, stopped or refused on the way."""

import json
import re
import shutil
import signal

import pytest

pytestmark = pytest.mark.slow


def stop(run) -> str:
    """Stop a run as Ctrl-C in its terminal's shell would, and return what it printed."""
    run.send_signal(signal.SIGTERM)
    output, _ = run.communicate(timeout=60)
    assert run.returncode not in (0, None), output
    assert "Traceback" not in output
    return output


def billed_once(lab, *servers) -> int:
    """The number of requests the servers billed: none twice, and each of them is in the ledger."""
    keys = {}
    for server in servers:
        server.stats()  # lets batches end by the clock
        billed = server.billed()
        assert all(n == 1 for n in billed.values())
        assert not keys.keys() & billed.keys()
        keys |= billed
    assert keys.keys() <= lab.workspace.answers().keys()
    return len(keys)


# Routes


def test_large_parts_go_by_batch_small_ones_in_real_time_and_nothing_is_sent_again(
    lab, batch_server, server
):
    batches = batch_server("openai", run_s=0.5)
    lab.ask("big", batches, server)
    lab.ask("plain", None, server)
    del lab.study["models"]
    lab.study["sampling"] = [{"name": f"to-{n}", "max_tokens": n} for n in (50, 60, 70)]
    lab.study["execution"] = {"route": "auto", "batch_at_least": 10}
    lab.study["trials"] = [
        {"model": "big", "sampling": "to-50", "replications": 2},
        {"model": "big", "sampling": "to-60"},
        {"model": "big", "sampling": "to-70", "replications": 2, "route": "realtime"},
        {"model": "plain", "sampling": "to-50", "replications": 2},
    ]
    lab.run()
    assert lab.routes() == {
        "big-to-50": {"batch"},
        "big-to-60": {"realtime"},
        "big-to-70": {"realtime"},
        "plain-to-50": {"realtime"},
    }
    assert batches.stats()["created"] == 1 and billed_once(lab, batches) == 12
    assert server.received() == 6 + 12 + 12 and lab.workspace.sent() == 42
    (answer, *_) = [row for row in lab.rows() if row["route"] == "batch"]
    assert answer["engine"] == {"batch": batches.stats()["batches"][0]["id"]}
    assert answer["usd"] == pytest.approx(answer["usage"]["output_tokens"] * 1000 / 1e6 / 2)

    calls = batches.stats()["calls"]
    assert "Nothing to be done" in lab.run()
    before = {row["key"]: row for row in lab.rows()}
    shutil.rmtree(lab.workspace.path(""))
    assert calls == batches.stats()["calls"]
    batches.kill()
    received = server.received()
    server.process.kill()
    lab.run(key=None)  # no network, no key: the ledger has it all
    assert {row["key"]: row for row in lab.rows()} == before
    assert received == 30 and lab.workspace.sent() == 42


@pytest.mark.long
def test_the_size_of_what_is_still_to_be_sent_decides_about_the_route(lab, batch_server, server):
    batches = batch_server("openai", run_s=0.3, line_errors=0.5)
    lab.ask("m", batches, server)
    lab.study["execution"] = {"route": "auto", "batch_at_least": 5}
    lab.run()
    assert lab.outcomes() == {"ok": 3, "error": 3}
    assert "3 gaps are open again" in lab.splitplot("refill", "s")
    lab.run()
    assert lab.outcomes() == {"ok": 6}
    assert sorted(row["route"] for row in lab.rows()) == ["batch"] * 3 + ["realtime"] * 3
    assert billed_once(lab, batches) == 3 == server.received()


# Changes while batches are in flight


@pytest.mark.long
def test_other_parts_while_batches_are_in_flight_pay_nothing_twice(lab, batch_server, wait_for):
    batches = batch_server("openai", run_s=600)
    lab.ask("m", batches)
    lab.workspace.items = [
        {"id": f"i{n}", "input": f"What is {n} + 2?", "target": n + 2} for n in range(60)
    ]
    lab.study["execution"] |= {"parts": 20, "max_concurrent_batches": 3}
    run = lab.start()
    wait_for(lambda: batches.stats()["created"] == 3)
    stop(run)
    lab.study["execution"]["parts"] = 7
    batches.set(run_s=0.5)
    lab.run()
    assert billed_once(lab, batches) == 60 and lab.outcomes() == {"ok": 60}
    assert batches.stats()["peak_in_flight"] == 3


@pytest.mark.long
def test_an_edit_to_real_time_waits_for_the_batch_in_flight(lab, batch_server, server, wait_for):
    batches = batch_server("openai", run_s=600)
    lab.ask("m", batches, server)
    run = lab.start()
    wait_for(lambda: batches.stats()["created"])
    stop(run)
    lab.study["execution"]["route"] = "realtime"
    lab.study["replications"] = 2
    run = lab.start()
    wait_for(lambda: server.received() == 6)
    assert run.poll() is None  # it waits for the other six
    batches.set(run_s=0)
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    assert billed_once(lab, batches) == 6 == server.received() and lab.outcomes() == {"ok": 12}
    assert sorted(row["route"] for row in lab.rows()) == ["batch"] * 6 + ["realtime"] * 6


# Batches that end otherwise


def test_what_expired_is_sent_in_real_time_where_the_study_says_so(lab, batch_server, server):
    batches = batch_server("openai", run_s=0.3, expire=0.5)
    lab.ask("m", batches, server)
    lab.study["execution"]["rescue"] = "realtime"
    lab.run()
    requests = next(lab.workspace.path("calls").glob("*/*/*/requests.jsonl"))
    keys = [json.loads(line)["custom_id"] for line in requests.read_text().splitlines()]
    rows = lab.rows()
    assert [row["key"] for row in rows] == keys and lab.outcomes() == {"ok": 6}
    rate = {"batch": 0.0005, "realtime": 0.001}
    assert sorted(row["route"] for row in rows) == ["batch"] * 3 + ["realtime"] * 3
    for row in rows:
        assert row["usd"] == pytest.approx(row["usage"]["output_tokens"] * rate[row["route"]])
    assert billed_once(lab, batches) == 3 == server.received()


@pytest.mark.long
def test_what_expired_is_a_gap_that_refill_sends_again(lab, batch_server):
    batches = batch_server("openai", run_s=0.3, expire=0.5)
    lab.ask("m", batches)
    lab.run()
    assert lab.outcomes() == {"ok": 3, "expired": 3}
    assert batches.stats()["created"] == 1
    before = {row["key"] for row in lab.rows() if row["outcome"] == "expired"}
    assert "Nothing to be done" in lab.run()
    assert "3 gaps are open again" in lab.splitplot("refill", "s")
    batches.set(expire=None)
    lab.run()
    assert lab.outcomes() == {"ok": 6} and billed_once(lab, batches) == 6
    assert batches.stats()["batches"][-1]["total"] == 3
    assert {row["key"] for row in lab.rows()} >= before


@pytest.mark.long
def test_a_full_queue_at_the_provider_is_waited_out(lab, batch_server):
    batches = batch_server("openai", run_s=0.3, token_limit=2)
    lab.ask("m", batches)
    lab.run()
    assert lab.outcomes() == {"ok": 6} and billed_once(lab, batches) == 6
    assert [batch["total"] for batch in batches.stats()["batches"]] == [0, 0, 6]


@pytest.mark.long
def test_errors_of_single_requests_show_in_the_report(lab, batch_server):
    batches = batch_server("openai", line_errors=0.5, line_error=[400, "too_spicy", "no, thanks"])
    lab.ask("m", batches)
    output = lab.run("all")
    shows_no_key(lab, output)
    health = lab.workspace.report()["health"]
    assert health["filled"] == 3, output
    assert health["outcomes"][0]["counts"]["error"] == 3
    gaps = [row for row in lab.rows() if row["outcome"] == "error"]
    assert [gap["error"]["type"] for gap in gaps] == ["too_spicy"] * 3
    assert all(gap["usd"] == 0 for gap in gaps)  # not billed
    batches.set(line_errors=0, require_key=lab.KEY)
    lab.splitplot("refill", "s")
    lab.run()
    assert lab.outcomes() == {"ok": 6} and billed_once(lab, batches) == 6


@pytest.mark.long
def test_a_batch_that_fails_as_a_whole_leaves_gaps_with_the_reason(lab, batch_server):
    batches = batch_server("openai", fail_whole=["model_not_found", "no such model in batches"])
    lab.ask("m", batches)
    lab.run()
    assert lab.outcomes() == {"error": 6} and billed_once(lab, batches) == 0
    assert {row["error"]["type"] for row in lab.rows()} == {"model_not_found"}
    assert batches.stats()["created"] == 1
    batches.set(fail_whole=None)
    lab.splitplot("refill", "s")
    lab.run()
    assert lab.outcomes() == {"ok": 6} and billed_once(lab, batches) == 6


@pytest.mark.long
def test_a_part_above_the_limit_is_refused_with_the_number_of_parts_that_fits(lab, batch_server):
    batches = batch_server("openai", max_lines=4)
    lab.ask("m", batches, max_requests=4)
    output = lab.run(ok=False)
    found = re.search(r"Set execution\.parts to at least (\d+) \(now 1\)", output)
    assert found, output
    assert not batches.stats()["calls"] and "takes 4 in a batch" in output
    lab.study["execution"]["parts"] = int(found[1])
    lab.run()
    assert lab.outcomes() == {"ok": 6} and billed_once(lab, batches) == 6


# Keys


@pytest.mark.long
def test_a_missing_and_a_refused_key_name_the_variable_and_stop_nobody_else(lab, batch_server):
    first = batch_server("openai", require_key=lab.KEY)
    second = batch_server("mistral")
    lab.ask("m", first)
    lab.ask("other", second)
    lab.models["other"]["api_key_env"] = "OTHER_KEY"
    lab.workspace.save()
    target = ("--profile", "local", lab.TABLE)
    code, output = lab.workspace.run("snakemake", *target, OTHER_KEY="another-key")
    assert code != 0 and "LAB_KEY is not set" in output and "OTHER_KEY" not in output
    assert not first.stats()["calls"] and lab.outcomes() == {"ok": 6}
    code, output = lab.workspace.run(
        "snakemake", *target, LAB_KEY="sk-wrong-0123456789", OTHER_KEY="another-key"
    )
    assert code != 0 and "check that LAB_KEY holds a key" in output and "HTTP 401" in output
    assert "sk-wrong" not in output and first.stats()["created"] == 0
    lab.run()
    assert lab.outcomes() == {"ok": 12}
    assert billed_once(lab, first, second) == 12


def shows_no_key(lab, output):
    """Neither what was printed nor any file has the key."""
    assert lab.KEY not in output
    for path in lab.root.rglob("*"):
        if path.is_file() and "state" not in path.parts:
            assert lab.KEY.encode() not in path.read_bytes(), path


@pytest.mark.long  # by openai, the errors of single requests above are looked through
@pytest.mark.parametrize("protocol", ["openai", "gemini", "anthropic"])
def test_no_key_is_in_any_file_or_any_output(lab, batch_server, protocol):
    batches = batch_server(protocol, run_s=0.3, fail_gets=2, line_errors=0.3)
    lab.ask("m", batches)
    shows_no_key(lab, lab.run("all", "--printshellcmds") + lab.splitplot("ledger", "s"))
    # The server was sent it all the same.
    batches.set(require_key=lab.KEY)
    lab.splitplot("refill", "s")
    batches.set(line_errors=0)
    lab.run()
    assert lab.outcomes() == {"ok": 6}


# Cancelling


@pytest.mark.long
def test_cancel_while_a_run_waits_keeps_what_is_finished(lab, batch_server, wait_for):
    batches = batch_server("openai", run_s=600, cancelled_answers=0.5)
    lab.ask("m", batches)
    run = lab.start()
    wait_for(lambda: batches.stats()["created"])
    printed = lab.splitplot("cancel", "s")
    assert "1 batch" in printed
    output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    assert lab.outcomes() == {"ok": 3, "error": 3} and billed_once(lab, batches) == 3
    assert {row["error"]["type"] for row in lab.rows() if row["error"]} == {"cancelled"}
    batches.set(run_s=0.1)
    assert "3 gaps are open again" in lab.splitplot("refill", "s")
    lab.run()
    assert lab.outcomes() == {"ok": 6} and billed_once(lab, batches) == 6


@pytest.mark.long
def test_cancel_after_a_stopped_run_collects_what_is_finished(lab, batch_server, wait_for):
    batches = batch_server("anthropic", run_s=600, cancelled_answers=0.5)
    lab.ask("m", batches)
    run = lab.start()
    wait_for(lambda: batches.stats()["created"])
    stop(run)
    printed = lab.splitplot("cancel", "s", "--json")
    said = json.loads(printed[printed.index("{") :])
    assert (said["cancelled"], said["ended"], said["answers_kept"]) == (1, 1, 3)
    lab.run()
    assert lab.outcomes() == {"ok": 3, "error": 3} and billed_once(lab, batches) == 3
    assert batches.stats()["created"] == 1
