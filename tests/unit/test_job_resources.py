"""What a job that loads a model asks of a batch system."""

import pytest

from splitplot import job_resources
from splitplot.calls.gpu_hours import gpu_hours
from splitplot.calls.remaining import Remaining


def asked(resources, **endpoint):
    trial = {"endpoint": endpoint | {"resources": resources}}
    return {name: ask(trial) for name, ask in job_resources.ASKED.items()}


def test_what_the_model_says_is_asked_for_by_the_names_of_the_executor():
    resources = {"gpus": 2, "gpu_type": "h100", "memory_mb": 64000, "cpus": 8}
    resources |= {"runtime_minutes": 240, "partition": "gpu", "account": "lab", "qos": "high"}
    assert asked(resources | {"constraint": "ib", "scratch": "/tmp"}) == {
        "mem_mb": 64000,
        "runtime": 240,
        "gpu": 2,
        "gpu_model": "h100",
        "nodes": 1,
        "cpus_per_task": 8,
        "slurm_partition": "gpu",
        "slurm_account": "lab",
        "qos": "high",
        "constraint": "ib",
    }


def test_what_it_does_not_say_is_left_to_the_cluster_but_for_memory_time_and_processors():
    wanted = {name: value for name, value in asked({}).items() if value is not None}
    assert wanted == {"mem_mb": 4000, "runtime": 60, "nodes": 1, "cpus_per_task": 1}
    assert asked({"gpu_type": "h100"})["gpu_model"] is None  # a type of no GPU


@pytest.mark.parametrize(
    ("endpoint", "threads"),
    [({}, 1), ({"threads": 4}, 4), ({"threads": 4, "resources": {"cpus": 16}}, 16)],
)
def test_threads_are_those_of_the_job_else_of_the_engine(endpoint, threads):
    assert job_resources.threads({"endpoint": endpoint}) == threads


def test_processors_are_asked_for_whatever_cores_the_profile_has():
    assert asked({}, threads=16)["cpus_per_task"] == 16
    assert asked({"cpus": 8}, threads=16)["cpus_per_task"] == 8


@pytest.mark.parametrize(
    ("entry", "gpus"),
    [
        ("engine: vllm", 1),
        ("engine: vllm, tensor_parallel: 4", 4),
        ("engine: vllm, resources: {gpus: 2}", 2),
        ("engine: vllm, tensor_parallel: 2, resources: {gpus: 4}", 4),
        ("engine: vllm, resources: {gpus: 0}", 0),
        ("gpu_layers: 9", 1),
        ("gpu_layers: 9, resources: {gpus: 2}", 2),
        ("gpu_layers: 0", 0),
        ("engine: openai-server", 0),
        ("engine: openai-server, resources: {gpus: 2}", 2),
    ],
)
def test_an_engine_that_takes_gpus_asks_for_them_said_or_not(root, entry, gpus):
    needs = 'context: 512, weights: {path: m}, sha256: "' + "ab" * 32 + '"'
    if "openai-server" in entry:
        needs = "context: 512, revision: r1, command: [serve, '{port}']"
    root.write("config/models.yaml", f"models: {{m: {{model: local/m, {needs}, {entry}}}}}\n")
    (trial,) = root.plan(models=["m"])["trials"]
    assert job_resources.gpus(trial) == gpus
    assert job_resources.ASKED["gpu"](trial) == (gpus or None)
    made = Remaining(trial, "a", None)
    made.part.append(0)
    assert gpu_hours([made]).at_most == gpus  # an hour is the time limit


def test_all_gpus_of_a_job_are_asked_for_on_one_node():
    assert asked({"gpus": 4})["nodes"] == 1


def test_vllm_has_an_environment_of_its_own():
    assert job_resources.environment({"endpoint": {"engine": "vllm"}}) == "gpu-vllm"
    assert job_resources.environment({"endpoint": {}}) == "base"


def work(trial, parts, **endpoint):
    endpoint = {"resources": {"gpus": 2, "runtime_minutes": 90}} | endpoint
    made = Remaining({"id": trial, "route": "local", "endpoint": endpoint}, "a", None)
    made.part.extend(parts)
    return made


def test_gpu_hours_are_gpus_by_time_limit_over_the_jobs_of_a_trial():
    # two conditions, three parts: three jobs of 2 GPUs × 1.5 h
    speed = {"speed": {"start_seconds": 360, "answers_per_minute": 10}}
    works = [work("t", [0, 0, 1], **speed), work("t", [1, 2], **speed)]
    hours = gpu_hours(works)
    assert (hours.jobs, hours.at_most) == (3, 9.0)
    # 5 answers at 10 a minute, and three starts of 0.1 h, on 2 GPUs
    assert hours.expected == pytest.approx(2 * (5 / 10 / 60 + 3 * 0.1))


def test_without_a_speed_nothing_is_expected_and_without_gpus_nothing_asked():
    assert gpu_hours([work("t", [0])]).expected is None
    assert gpu_hours([work("t", [0], resources={})]).jobs == 0
    assert gpu_hours([work("t", [])]).jobs == 0
