# Till. `make` alone prints this list.

GO       ?= go
TAGS     := nomsgpack
BIN      := bin
LINT     := $(BIN)/golangci-lint
LINT_VERSION := v2.15.0
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZES   ?= 200000x
KILLS    ?= 30
SEED     ?= 1
RUNS     ?= 2000

.DEFAULT_GOAL := help
.PHONY: help setup run demo generate css build test test/race test/e2e fuzz simulate kill cover fmt lint verify ci

help: ## print this list
	@awk -F ':.*## ' '/^[a-z][a-z0-9\/]*:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(LINT) node_modules ## install the pinned tools
	$(GO) mod download

run: ## the shop with the settings of .env
	set -a; . ./.env; set +a; $(GO) run -tags $(TAGS) ./cmd/till serve

demo: ## a shop to click through, with a provider that misbehaves on request
	$(GO) run -tags $(TAGS) ./cmd/till demo

generate: css ## templates and style sheet
	$(GO) tool templ generate

css: node_modules ## the style sheet from the templates
	npm run --silent css

node_modules: package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch node_modules

build: ## the program, into bin/
	$(GO) build -tags $(TAGS) -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN)/till ./cmd/till

test: ## all tests; says what it skips where PostgreSQL or Chromium is missing
	$(GO) test -tags $(TAGS) -shuffle=on -timeout 40m $$($(GO) list ./... | grep -v /e2e)
	$(GO) test -tags $(TAGS) -shuffle=on -timeout 40m ./e2e/...

test/race: ## the same under the race detector, without the browser, with fewer simulations
	TILL_TEST_RUNS=20 $(GO) test -tags $(TAGS) -race -short -shuffle=on -timeout 40m $$($(GO) list ./... | grep -v /e2e)

test/e2e: ## a real browser against real processes
	$(GO) test -tags $(TAGS) -count=1 ./e2e/...

simulate: ## RUNS lives of a shop with everything going wrong, from SEED on
	$(GO) run -tags $(TAGS) ./bench/simulate -seed $(SEED) -runs $(RUNS)

kill: ## kill the shop at random points of a payment, KILLS times
	TILL_TEST_KILLS=$(KILLS) $(GO) test -tags $(TAGS) -count=1 -run 'TestKill' -v ./e2e/

fuzz: ## every parser, FUZZES inputs each
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -tags $(TAGS) -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$f"; $(GO) test -tags $(TAGS) -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZES) -fuzzminimizetime 100x $$pkg || exit 1; \
	  done; \
	done

cover: ## test coverage by package
	$(GO) test -tags $(TAGS) -coverprofile=coverage.out ./... && $(GO) tool cover -func=coverage.out | tail -n 1

fmt: $(LINT) ## format everything
	$(LINT) fmt
	$(GO) tool templ fmt views

lint: $(LINT) ## golangci-lint, and go vet
	$(GO) vet -tags $(TAGS) ./...
	$(LINT) run

$(LINT):
	GOBIN=$(abspath $(BIN)) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

verify: generate ## fail when generated files or go.mod are stale
	$(GO) mod tidy
	@git diff --exit-code -- go.mod go.sum static/app.css 'views/**/*_templ.go' || { echo "stale: commit what 'make generate' and 'go mod tidy' made"; exit 1; }
	@test -z "$$(git ls-files --others --exclude-standard -- views static)" || { echo "generated files that are not committed"; exit 1; }

ci: verify lint test test/race ## exactly what CI runs
	$(MAKE) fuzz FUZZES=20000x
