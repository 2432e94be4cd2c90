# The house's commands. `make test` needs Go and gcc, no root and no network
# beyond the Go modules; nothing else has to be installed.

GO       ?= $(shell command -v go || echo /usr/local/go/bin/go)
GO_HOME  := $(shell $(GO) env GOROOT)
BIN      := $(CURDIR)/shoal
FUZZTIME ?= 1m
BENCH    ?= .

# Added to every `go test` of `make test`: TESTFLAGS=-v, TESTFLAGS=-count=1.
TESTFLAGS ?=

# golangci-lint and gofmt call on the same Go as this file does.
export PATH := $(GO_HOME)/bin:$(PATH)

LINT := $(GO) tool -modfile="$(CURDIR)/tools/go.mod" golangci-lint run

.PHONY: build run test unit e2e bench lint cross fuzz clean

build: ## one static file, ./shoal
	CGO_ENABLED=0 $(GO) build -trimpath -o "$(BIN)" ./cmd/shoal

run: ## a tracker on port 6969
	$(GO) run ./cmd/shoal

test: lint unit

# Twice: the race detector needs cgo and disturbs sync.Pool, and does not see
# memory outside the Go heap, so the allocation asserts run without it.
unit:
	CGO_ENABLED=1 $(GO) test -race $(TESTFLAGS) ./...
	CGO_ENABLED=0 $(GO) test $(TESTFLAGS) ./...

lint:
	@unformatted=$$($(GO_HOME)/bin/gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:" $$unformatted; exit 1; fi
	$(GO) vet ./...
	$(LINT)
	if [ -f e2e/go.mod ]; then cd e2e && $(GO) vet ./... && $(LINT); fi

# The portable engines have to build where the tests do not run.
cross:
	GOOS=windows GOARCH=amd64 CGO_ENABLED=0 $(GO) vet ./...
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...
	GOOS=freebsd GOARCH=amd64 CGO_ENABLED=0 $(GO) vet ./...
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...

e2e: build ## real clients against ./shoal
	cd e2e && SHOAL_BIN="$(BIN)" $(GO) test -count=1 -timeout 40m -v ./...

# SCENES="udp-saturated store" runs only these; bench/README.md lists them.
# SCENES=go-benchmarks BENCH=Announce runs Go benchmarks by their names.
bench: ## Shoal beside the other trackers that are installed
	BENCH='$(BENCH)' bash bench/run $(SCENES)

# Every fuzz target in turn, FUZZTIME each. Their committed corpora run in
# `make test` too.
fuzz:
	@set -e; packages=$$($(GO) list ./...); for package in $$packages; do \
		targets=$$($(GO) test -list '^Fuzz' $$package); \
		for target in $$(echo "$$targets" | grep '^Fuzz' || true); do \
			echo "$$package $$target, $(FUZZTIME)"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -parallel=1 $$package; \
		done; \
	done

clean: ## what build and bench built; results of bench stay
	rm -f "$(BIN)"
	rm -rf "$(CURDIR)/bench/bin"
