# The commands of the README. Cargo does the work; this only says in which order.

CARGO ?= cargo

.PHONY: setup setup-synth build test demo bench lint clean

# Installs the simulator and the type headers into .tools; returns at once if they are there.
setup:
	scripts/setup.sh

# Yosys and nextpnr besides.
setup-synth:
	scripts/setup.sh --all

build:
	$(CARGO) build --release

# All that must hold before a commit. The tools are there after `setup`, so a test that finds
# none fails instead of skipping. The dev profile is optimized enough to be the faster one.
test: export NN2RTL_REQUIRE_TOOLS = 1
test: setup-synth
	$(CARGO) test
	$(MAKE) lint

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --no-deps

demo: setup build
	scripts/demo.sh

# Side by side with other tools, and the delay model against place and route; tables go to
# out/bench/*.md. Hours on a small machine: `BENCH="cmvm models" make bench` runs a part.
bench: build
	scripts/bench.sh

# The tools stay: they take longer to fetch than to keep.
clean:
	$(CARGO) clean
	rm -rf out
