# Everything starts here: `make demo` shows directsip at work, `make test` proves it.
GO       ?= go
PACKAGES  = sip-tester baresip-core kamailio libnet-sip-perl rtpengine-daemon nftables libopus0 sox ffmpeg espeak-ng openssl iproute2 procps clang llvm

export CGO_ENABLED = 0

.PHONY: build demo test short bench fuzz generate lint go tools clean

build: go
	$(GO) build -trimpath -o bin/directsip ./cmd/directsip

demo: build
	bin/directsip demo

# The whole of the tests, with the real peers that they call. Where CI is set, one that lacks rights or a program fails (internal/lack). What computes and never waits
# runs as many packages at a time as there are processors; of the others one at a time, so that those with real peers keep real time. All run, whatever fails.
PURE = arch b2bua cdr codec diag dialog digest files health identity media network opus quality register rights routing sdp sim sip sound topology txn ua

test: go tools
	$(GO) vet ./...
	@failed=0; \
	$(GO) test -vet=off -timeout 14m $(PURE:%=./internal/%) || failed=1; \
	$(GO) test -vet=off -p 1 -timeout 14m $$($(GO) list ./... | grep -vE '/internal/($(subst $() ,|,$(PURE)))$$') || failed=1; \
	exit $$failed

# What needs no other program and no rights.
short: go
	$(GO) test -short ./...

# Figures, never a pass or a fail: parsers, machines, packets, and whole-process runs next to Kamailio and rtpengine.
bench: build tools
	$(GO) test -run '^$$' -bench . -benchmem ./internal/codec ./internal/opus ./internal/sip ./internal/sdp ./internal/txn ./internal/routing ./internal/relay ./internal/ua ./internal/store ./internal/transport
	$(GO) run ./internal/bench/cmd -directsip bin/directsip

# A million executions of every parser.
fuzz: go
	./scripts/fuzz 1000000x

# The eBPF objects, which are committed: by Debian's clang, so that everybody's are the same.
generate: go
	@command -v clang >/dev/null && command -v llvm-strip >/dev/null || { echo "install: clang llvm (apt-get install clang llvm)"; exit 1; }
	$(GO) generate ./internal/fastpath ./internal/steer

lint: go
	test -z "$$(gofmt -l cmd internal)"
	$(GO) vet ./...

go:
	@command -v $(GO) >/dev/null || { echo "Go 1.26 is missing: see https://go.dev/dl"; exit 1; }

# The peers of the tests, from Debian's packages.
tools:
	@missing=; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
		else echo "install:$$missing (apt-get install$$missing)"; exit 1; fi; fi

clean:
	rm -rf bin
