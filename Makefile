# `make` alone lists the targets. GOFLAGS and GO may be set from outside.

GO       ?= go
FUZZTIME ?= 30s
TIMEOUT  ?= 15m
PKGS     ?= ./...

# Administration commands (conntrack, nft, ip) live in sbin.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

.DEFAULT_GOAL := help
.PHONY: help build test race integration reliability fuzz bench lint gen check cover tools clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Without cgo the command is one static file, and starts 1.5 ms sooner.
build: ## build ./ctsh
	CGO_ENABLED=0 $(GO) build -trimpath -o ctsh ./cmd/ctsh

tools:
	@.ci/tools conntrack nft ip tmux lua5.1 lua5.2 lua-penlight lua-inspect lua-dkjson lua-argparse lua-say

test: tools ## every test, as root or as an ordinary user
	$(GO) test -timeout $(TIMEOUT) $(PKGS)

race: tools ## every test under the race detector
	@.ci/tools cc
	CGO_ENABLED=1 $(GO) test -race -timeout $(TIMEOUT) $(PKGS)

integration: tools ## only the packages with tests against the running kernel, uncached
	@dirs=$$(find . -name '*_integration_test.go' -printf '%h\n' | sort -u); \
	if [ -z "$$dirs" ]; then echo "no *_integration_test.go found" >&2; exit 1; fi; \
	$(GO) test -count=1 -timeout $(TIMEOUT) $$dirs

reliability: tools ## the loads of the reliability tests in full, with their figures (some minutes)
	CTSH_FULL=1 $(GO) test -count=1 -v -timeout 30m -run '^TestReliability' \
		./bindings/kernel/conntrack/reliability ./bindings/engine/mirror ./bindings/engine/plan/reliability

fuzz: ## every fuzz function in turn, FUZZTIME each (make fuzz FUZZTIME=10m)
	@grep -rE --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | sort | \
	while IFS=: read -r file decl; do \
		name=$${decl#func }; dir=$$(dirname "$$file"); \
		echo "== $$dir $$name ($(FUZZTIME))"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null || exit 1; \
	done

# make bench BENCHFLAGS='-flows 1000000' compares on the table that the budgets are for.
bench: tools ## benchmarks, then the comparison with peers in one run
	$(GO) test -run '^$$' -bench . -benchmem $(PKGS)
	$(GO) run ./bindings/kernel/conntrack/peerbench $(BENCHFLAGS)

lint: ## golangci-lint, when installed
	@if command -v golangci-lint >/dev/null 2>&1; then golangci-lint run $(PKGS); \
	else echo "golangci-lint is not installed: go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@latest" >&2; fi

gen: ## regenerate what is generated
	$(GO) generate $(PKGS)

check: ## formatting, vet, lint, module files, tests
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "gofmt needed: $$bad" >&2; exit 1; fi
	$(GO) vet $(PKGS)
	@$(MAKE) --no-print-directory lint
	$(GO) mod tidy -diff
	@$(MAKE) --no-print-directory test

cover: tools ## test coverage: the total here, the profile in coverage.out
	$(GO) test -timeout $(TIMEOUT) -coverprofile=coverage.out $(PKGS)
	@$(GO) tool cover -func=coverage.out | tail -n 1

clean: ## remove what was built
	rm -f ctsh ctshd coverage.out
