# Two commands do everything: `make demo` shows kcode at work, `make test` runs the tests.
# Both make the environment in .venv first, with uv where it is present and with venv and pip where it is not.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt
JOBS ?= auto
COUNT ?= 20000
SEED ?= 1

.PHONY: demo test check lint types layers fuzz bench bench-context docs constraints clean prerequisites

demo: $(VENV)/.run
	@$(BIN)/kcode demo $(DEMO)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n $(JOBS) $(TEST)

# Everything that CI runs.
check: lint types layers test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/basedpyright

layers: $(VENV)/.dev
	$(BIN)/lint-imports

# Random scripts, really run by bash in a sandbox, against the verdict on them: make fuzz COUNT=40000 SEED=7
fuzz: $(VENV)/.dev
	$(BIN)/python tests/permissions/shell_fuzz.py $(COUNT) $(SEED)

bench: $(VENV)/.dev
	$(BIN)/python tests/bench/run.py $(BENCH)

# What long sessions cost with kcode's context room and with other agents' policies; no model is asked.
bench-context: $(VENV)/.dev
	$(BIN)/python tests/bench/bench_context.py $(BENCH)

docs:
	$(MAKE) EXTRAS=docs $(VENV)/.docs
	$(BIN)/mkdocs build --strict --config-file .ci/mkdocs.yml --site-dir ../site

# Exact versions without a trace of any registry; needs uv.
constraints:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-emit-index-url \
		--no-annotate --no-header --quiet --upgrade --output-file $(CONSTRAINTS)

clean:
	rm -rf $(VENV) dist build site

$(VENV)/.run: EXTRAS := demo
$(VENV)/.dev: EXTRAS := dev
$(VENV)/.docs: EXTRAS := docs
$(VENV)/.run $(VENV)/.dev $(VENV)/.docs: pyproject.toml $(CONSTRAINTS) | prerequisites
	@python=$$(sh .ci/find-python) && \
	if command -v uv >/dev/null 2>&1; then \
		{ test -x $(BIN)/python || uv venv --quiet --python "$$python" $(VENV); } && \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python -c $(CONSTRAINTS) -e '.[$(EXTRAS)]'; \
	else \
		{ test -x $(BIN)/pip || "$$python" -m venv $(VENV); } && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[$(EXTRAS)]'; \
	fi
	@touch $@ && { test $@ != $(VENV)/.dev || touch $(VENV)/.run; }

prerequisites:
	@sh .ci/find-python >/dev/null
	@command -v git >/dev/null 2>&1 || { echo "kcode needs git: install it (Debian: apt install git, macOS: xcode-select --install)." >&2; exit 1; }
