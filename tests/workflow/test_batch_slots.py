"""How many batches are in flight at once: as many as the study allows, never more, and nobody starves."""

import pytest
import yaml


def many(lab, parts):
    """A study of so many parts, none of them empty for its size."""
    lab.workspace.items = [
        {"id": f"i{n}", "input": f"What is {n} + 2?", "target": n + 2} for n in range(10 * parts)
    ]
    lab.study["execution"] |= {"parts": parts}
    return 10 * parts


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("cores", [1, 2, 8])
def test_thirty_parts_keep_to_four_batches_in_flight(lab, batch_server, wait_for, cores):
    batches = batch_server("openai", run_s=600)
    lab.ask("m", batches)
    requests = many(lab, 30)
    lab.study["execution"]["max_concurrent_batches"] = 4
    run = lab.start("--cores", str(cores), *lab.targets())
    wait_for(lambda: batches.stats()["in_flight"] == 4)
    batches.set(run_s=1)
    output, _ = run.communicate(timeout=500)
    assert run.returncode == 0, output
    stats = batches.stats()
    assert stats["peak_in_flight"] == 4 and stats["created"] == 30
    assert stats["billed"] == stats["billed_keys"] == requests == lab.workspace.sent()
    assert lab.outcomes() == {"ok": requests}


@pytest.mark.long
def test_one_batch_at_a_time_on_one_core(lab, batch_server):
    batches = batch_server("openai", run_s=0.5)
    lab.ask("m", batches)
    requests = many(lab, 4)
    lab.study["execution"]["max_concurrent_batches"] = 1
    lab.run("--cores", "1", *lab.targets())
    stats = batches.stats()
    assert (stats["peak_in_flight"], stats["created"]) == (1, 4)
    assert stats["billed"] == stats["billed_keys"] == requests == lab.workspace.sent()


@pytest.mark.long
@pytest.mark.slow
def test_a_slow_provider_does_not_keep_another_waiting_on_one_core(lab, batch_server, wait_for):
    slow, fast = batch_server("openai", run_s=600), batch_server("mistral", run_s=0.3)
    lab.ask("slow", slow)
    lab.ask("fast", fast)
    requests = many(lab, 3)
    lab.study["execution"]["max_concurrent_batches"] = 1
    run = lab.start("--cores", "1", *lab.targets())
    wait_for(lambda: fast.stats()["billed"] == requests)
    assert slow.stats()["created"] == 1 and slow.stats()["in_flight"] == 1
    slow.set(run_s=0)
    output, _ = run.communicate(timeout=100)
    assert run.returncode == 0, output
    assert slow.stats()["billed_keys"] == slow.stats()["billed"] == requests
    assert lab.workspace.sent() == 2 * requests
    assert slow.stats()["peak_in_flight"] == fast.stats()["peak_in_flight"] == 1


@pytest.mark.long
@pytest.mark.slow
def test_two_studies_at_once_share_the_slots_of_the_account(lab, batch_server):
    batches = batch_server("openai", run_s=2)
    lab.ask("m", batches)
    requests = many(lab, 3)
    lab.study["execution"]["max_concurrent_batches"] = 2
    other = lab.study | {"study": "t", "sampling": [{"name": "low", "max_tokens": 60}]}
    lab.workspace.write("config/studies/t.yaml", yaml.safe_dump(other))
    runs = [lab.start(*lab.targets(study)) for study in ("s", "t")]
    for run in runs:
        output, _ = run.communicate(timeout=100)
        assert run.returncode == 0, output
    stats = batches.stats()
    assert (stats["peak_in_flight"], stats["created"]) == (2, 6)
    assert stats["billed"] == stats["billed_keys"] == 2 * requests == lab.workspace.sent()
    assert lab.outcomes("s") == lab.outcomes("t") == {"ok": requests}
