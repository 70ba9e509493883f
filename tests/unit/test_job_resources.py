"""What a job that loads a model asks of a batch system."""

import pytest

from splitplot import job_resources
from splitplot.calls.gpu_hours import gpu_hours
from splitplot.calls.remaining import Remaining


def asked(resources):
    return {name: ask(resources) for name, ask in job_resources.ASKED.items()}


def test_what_the_model_says_is_asked_for_by_the_names_of_the_executor():
    resources = {"gpus": 2, "gpu_type": "h100", "memory_mb": 64000, "cpus": 8}
    resources |= {"runtime_minutes": 240, "partition": "gpu", "account": "lab", "qos": "high"}
    assert asked(resources | {"constraint": "ib", "scratch": "/tmp"}) == {
        "mem_mb": 64000,
        "runtime": 240,
        "gpu": 2,
        "gpu_model": "h100",
        "cpus_per_task": 8,
        "slurm_partition": "gpu",
        "slurm_account": "lab",
        "qos": "high",
        "constraint": "ib",
    }


def test_what_it_does_not_say_is_left_to_the_cluster_but_for_memory_and_time():
    wanted = {name: value for name, value in asked({}).items() if value is not None}
    assert wanted == {"mem_mb": 4000, "runtime": 60}
    assert asked({"gpu_type": "h100"})["gpu_model"] is None  # a type of no GPU


@pytest.mark.parametrize(
    ("endpoint", "threads"),
    [({}, 1), ({"threads": 4}, 4), ({"threads": 4, "resources": {"cpus": 16}}, 16)],
)
def test_threads_are_those_of_the_job_else_of_the_engine(endpoint, threads):
    assert job_resources.threads({"endpoint": endpoint}) == threads


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
