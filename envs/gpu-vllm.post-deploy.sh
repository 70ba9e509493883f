#!/bin/sh
# Snakemake runs this in the environment that it has made of gpu-vllm.yaml; see base.post-deploy.sh.
# sha256 3220c2fdfcc852ac36603850bc8cb3503e962c988b8e6e248a6670d6fe52d8d5 gpu-vllm.lock
set -eu
cd "$SPLITPLOT_SCRIPTS/../envs"
python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r gpu-vllm.lock
