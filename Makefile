# Chinwag's everyday commands; `make` prints them. `ARGS` goes on to the program: `make run ARGS=--help`.

.DEFAULT_GOAL := help
.NOTPARALLEL: # cargo uses all cores by itself, and `check` has an order

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1 \t\2/p' $(MAKEFILE_LIST) | expand -t 13

# Using it

.PHONY: run build demo up cluster
run: build ## Builds the server and starts it; no configuration is needed
	@cargo run --release --locked --features '$(FEATURES)' --quiet -- $(ARGS)

FEATURES = # of cargo: nats-credentials
build: ## Builds the server: target/release/chinwag (FEATURES=nats-credentials: with files of credentials for NATS)
	cargo build --release --locked --features '$(FEATURES)'

demo: ## Starts a server of its own and shows what it does
	cargo run --locked --example demo -- $(ARGS)

up: ## Starts the server and PostgreSQL in containers, at http://127.0.0.1:8080
	docker compose up --build

cluster: build ## Starts three nodes on one PostgreSQL, with NATS where it is installed, as processes; Ctrl-C ends them
	@tests/cluster.sh

# Changing it

.PHONY: test client faults fuzz mixed services check fmt fmt-check lint doc bench bench-page
# The lints are for the default features, and the tests have all: so both are compiled, and nothing twice.
test: services ## Runs every test; installs PostgreSQL and Chromium first where they are missing and it may
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -ex; cargo nextest run --locked --all-features $(ARGS); cargo test --locked --all-features --doc $(ARGS); \
	else \
		set -ex; cargo test --locked --all-features $(ARGS); \
	fi

client: ## Checks the client module: its types, and its tests in Node
	@tests/client/check.sh

FAULT_ROUNDS = 30
FAULTS = $(if $(FAULT),faults::$(FAULT),faults:: nodes::history nodes::readers)
faults: build services ## Kills, stops and cuts off servers many times over, and tells what was counted (FAULT=database, sockets, …: some)
	@seed=$${CHINWAG_FAULT_SEED:-$$(date +%s)}; \
	echo "CHINWAG_FAULT_SEED=$$seed CHINWAG_FAULT_ROUNDS=$(FAULT_ROUNDS)"; \
	CHINWAG_FAULT_SEED=$$seed CHINWAG_FAULT_ROUNDS=$(FAULT_ROUNDS) CHINWAG_BIN=target/release/chinwag \
	cargo test --locked --test it -- $(FAULTS) --nocapture --test-threads 2 $(ARGS)

FUZZ_SECONDS = 60
FUZZ_TARGETS = dispatch frames router socket
fuzz: ## Sends what a fuzzer thinks up to the parsers, FUZZ_SECONDS for each of FUZZ_TARGETS, and stops at the first finding
	@cargo fuzz --version >/dev/null 2>&1 || { echo "make fuzz needs cargo-fuzz: cargo install cargo-fuzz --locked" >&2; exit 1; }
	@cp Cargo.lock fuzz/ # the versions that the server has
	@set -e; for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/found/$$target; \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir fuzz --sanitizer none $$target fuzz/found/$$target fuzz/corpus/$$target -- \
			-dict=fuzz/dictionary -timeout=5 -max_total_time=$(FUZZ_SECONDS) $(ARGS); \
	done

mixed: services ## Runs the previous release, which CHINWAG_PREVIOUS_BIN names, and this one on one database, at once or in turn
	cargo test --locked --test it mixed_versions:: -- --ignored $(ARGS)

services:
	@tests/install-services.sh
	@tests/client/install.sh || [ "$${CI:-}" != true ] # one test needs it, and says so

check: fmt-check client lint doc test ## Runs what CI runs: format, the client module, lints, documentation, tests

fmt: ## Formats the code
	cargo fmt

fmt-check:
	cargo fmt --check

lint: ## Runs clippy; a warning is an error
	cargo clippy --locked --all-targets -- -D warnings

doc: ## Builds the documentation of all the code, private items too; a warning is an error
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

bench: ## Runs the benchmarks
	cargo bench --locked --bench '*' -- $(ARGS)

bench-page: ## Measures the page in Chromium against a server that runs at URL, without rate limits
	node --experimental-websocket benches/page.mjs $(URL)
