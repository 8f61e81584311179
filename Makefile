# `make` alone lists what there is to make.

SHELL        := /bin/bash
.SHELLFLAGS  := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT   := $(shell git rev-parse HEAD 2>/dev/null)
DATE     := $(shell git log -1 --format=%cI 2>/dev/null)
TOOL     := go tool -modfile=.ci/tools.mod
FUZZTIME ?= 20000x
SHOP_SOURCE := examples/shop# a module of its own: ./... has it not

export PATH      := $(PATH):/usr/sbin:/sbin
export GOFLAGS   := $(strip $(shell go env GOFLAGS) -trimpath)# so a fresh clone finds in Go's cache what another one has built
export SPIKE_BIN := $(abspath bin/spike)
export SPIKE_CLOCK_SO := $(abspath bin/clock.so)

# The packages that have tests behind a build tag: $(call tagged,integration)
tagged = $(shell grep -rl --include='*_test.go' '^//go:build.*\b$(1)\b' . | sed 's|/[^/]*$$||' | sort -u)

.PHONY: help run demo shop examples build test verify deps deps-short vet lint fmt unit race race-core integration twin e2e e2e-short \
        e2e-long sim mutants mutants-short deploy-check release-check model chaos chaos-short chaos-long lab lab-test soak clients fuzz \
        bench bench-strategies bench-balance bench-real bench-durable pprof assets page clean

# The steps of `make test` and of `make verify`. A name that ends in -core or -short is a part of the step before the dash.
TEST   := build vet lint unit race-core twin e2e-short chaos-short mutants-short
VERIFY := build vet lint page unit race integration examples e2e clients sim mutants chaos lab lab-test deploy-check release-check

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1|\2/' | column -t -s '|'

run: build ## sell 10,000 tickets on this machine: one edge on port 3005, no other server
	@exec bin/spike serve

demo: deps build ## Redis, nginx 1:2:3:4, four edges, a million requests, and the audit
	@exec bin/spike demo

shop: build ## a shop to buy from with a browser, and all that it needs, until ctrl-C; examples/shop/README.md
	cd $(SHOP_SOURCE) && CGO_ENABLED=0 go build -trimpath -o ../../bin/shop .
	@exec $(SHOP_SOURCE)/start

build: ## bin/spike, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)' -o bin/spike ./cmd/spike

test: deps-short ## is this change sound? five minutes, without root
	@.ci/steps $(TEST)

verify: deps ## everything a change must pass; `make test verify` makes no step twice
	@.ci/steps $(if $(filter test,$(MAKECMDGOALS)),$(filter-out $(TEST),$(VERIFY)),$(VERIFY))

deps: ## install the servers and tools that the tests need and that are missing
	@.ci/deps

deps-short: ## those that `make test` needs
	@.ci/deps short

vet: ## go vet, all build tags
	go vet -tags integration,e2e,chaos,lab ./...
	go vet -tags mutants ./...
	cd $(SHOP_SOURCE) && go vet ./...

PAGE  := edge/dashboard/web
BUILT  = $(TOOL) esbuild $(PAGE)/src/main.tsx --bundle --minify --charset=utf8 --jsx=automatic --jsx-import-source=preact \
         --target=es2023,chrome123,firefox120,safari17.5 --legal-comments=none --log-level=warning --outfile=$(1)/assets/app.js && \
         cp $(PAGE)/src/icon.svg $(1)/assets/ && cp $(PAGE)/src/index.html $(1)/

assets: $(PAGE)/node_modules/.package-lock.json ## the operators' page, from edge/dashboard/web/src to the dist beside it, which is committed
	rm -rf $(PAGE)/dist
	$(call BUILT,$(PAGE)/dist)

page: deps $(PAGE)/node_modules/.package-lock.json ## the page's types and tests, and is what is committed what its sources make?
	cd $(PAGE) && node_modules/.bin/tsc --noEmit
	rm -rf bin/page bin/page-test
	$(TOOL) esbuild $(PAGE)/test/*.test.ts --bundle --platform=node --format=esm --out-extension:.js=.mjs --log-level=warning --outdir=bin/page-test
	node --test bin/page-test
	$(call BUILT,bin/page)
	diff -r bin/page $(PAGE)/dist || { echo 'the page is not built from its sources: make assets' >&2; exit 1; }
	@size=$$(cat $$(find bin/page -type f) | wc -c); echo "the page has $$size bytes"; (( size < 120000 ))

$(PAGE)/node_modules/.package-lock.json: $(PAGE)/package-lock.json
	cd $(PAGE) && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

lint: ## golangci-lint, as pinned in .ci/tools.mod
	$(TOOL) golangci-lint run --allow-parallel-runners
	cd $(SHOP_SOURCE) && go tool -modfile=../../.ci/tools.mod golangci-lint run --allow-parallel-runners

fmt: ## gofmt, as lint wants it
	$(TOOL) golangci-lint fmt

unit: ## tests that need only Go; the fuzz targets' seeds are among them
	go test $(V) ./...
	cd $(SHOP_SOURCE) && go test $(V) ./...

race: ## the same under the race detector
	CGO_ENABLED=1 go test $(V) -race -timeout 20m ./...
	cd $(SHOP_SOURCE) && CGO_ENABLED=1 go test $(V) -race -timeout 20m ./...

race-core: ## the same of what every buy and every order goes through
	CGO_ENABLED=1 go test $(V) -race ./shard ./luascripts/... ./edge/... ./order/...

integration: deps ## tests against the real redis-server and nginx
	$(if $(call tagged,integration),go test $(V) -tags integration -count=1 -timeout 20m -parallel 4 $(call tagged,integration))

twin: deps-short ## scripts and their twin in Go, on a real redis-server
	go test $(V) -tags integration -count=1 -run '^Test(ScriptsAndTwinAgree|ScenariosOnRedis)$$' ./luascripts

e2e: deps build .ci/npm/node_modules/.package-lock.json $(PAGE)/node_modules/.package-lock.json ## tests that drive the built binary
	$(if $(call tagged,e2e),go test $(V) -tags e2e -count=1 -timeout 40m -parallel 6 $(call tagged,e2e))

e2e-short: deps-short build ## the article's session, a buy through nginx, orders in SQLite and PostgreSQL
	go test $(V) -tags e2e -count=1 -run '^Test(ArticleSession|WeightsByTheEdgesOwnCounters|OrdersSurviveKills|OrdersInSQLite)$$' ./cmd/spike

e2e-long: export SPIKE_E2E_LONG := 1
e2e-long: e2e ## the same with more runs and larger sales

.ci/npm/node_modules/.package-lock.json: .ci/npm/package-lock.json
	cd .ci/npm && npm ci --no-progress --loglevel=error

clients: export REDOCLY_TELEMETRY := off
clients: deps build .ci/npm/node_modules/.package-lock.json ## openapi.yaml: two linters, a client in TypeScript, one in Go that buys
	cd .ci/npm && npx redocly lint --config redocly.yaml ../../edge/openapi.yaml
	cd .ci/npm && npx spectral lint --ruleset spectral.yaml --fail-severity hint ../../edge/openapi.yaml
	cd .ci/npm && npx openapi-typescript ../../edge/openapi.yaml --output api.gen.ts && npx tsc --project .
	cd .ci/client && go generate && go vet . && go test -count=1 $(V) .

examples: deps ## what the scripts of examples/ make of an answer. k6 itself is not run
	node --check examples/k6/spike.js
	node --test examples/k6/outcome.test.mjs examples/shop/test/spike.test.mjs

SEEDS ?= 2000
sim: build ## SEEDS (2000) worlds of the simulator: crashes, fail-overs, pauses and lies, no clock and no network
	bin/spike bench sim --seeds $(SEEDS)
	SPIKE_TRACES=1 go test $(V) -count=1 -run TestTraces ./bench/sim

mutants: ## every guard of the protocol left out once: the simulator must notice
	go test -tags mutants -count=1 -timeout 20m -run TestEveryMutantDies -v ./bench/sim

FEW := no-wait-.*|no-limbo|no-fence|free-early|sweep-early|clock-uncapped|era-stale|copy-proves|early-sold-out
mutants-short: ## a dozen of them
	go test -tags mutants -count=1 -run 'TestEveryMutantDies/^($(FEW))$$' -v ./bench/sim

deploy-check: ## the Dockerfile, compose.yaml and Kubernetes' manifests, read by the parsers of what runs them
	cd deploy/verify && go vet ./... && go test $(V) -count=1 ./...

release-check: ## .goreleaser.yaml, read by goreleaser, as pinned in .ci/release.mod
	go tool -modfile=.ci/release.mod goreleaser check

model: deps ## the lease protocol, searched whole by spin, and each of its guards left out once
	luascripts/model/check

bin/clock.so: bench/chaos/clock/clock.c
	@mkdir -p bin
	cc -std=c11 -O2 -Wall -Wextra -Werror -fPIC -shared -o $@ $<

chaos: deps build bin/clock.so ## real faults on real parts, one or two runs of each
	go test -tags chaos -count=1 -timeout 30m -parallel 4 -v ./bench/chaos

chaos-short: deps-short build bin/clock.so ## a killed edge and a killed Redis, one run of each
	SPIKE_CHAOS_RUNS=1 go test -tags chaos -count=1 -parallel 4 -run '^Test(EdgeKilledAndBack|RedisKilledAndBack)$$' -v ./bench/chaos

chaos-long: export SPIKE_CHAOS_LONG := 1
chaos-long: deps build bin/clock.so ## the same with larger sales, 20 to 50 runs of each: hours
	go test -tags chaos -count=1 -timeout 12h -v ./bench/chaos

ROUNDS ?= 3
lab: deps build ## router, directors, nginx, edges, Redis, each in a namespace; one of each dies in full sale, ROUNDS (3) times
	@exec bin/spike lab --rounds $(ROUNDS)

lab-test: deps build ## the same once, killed and interrupted too: nothing may be left of it
	go test $(V) -tags lab -count=1 -timeout 10m ./bench/lab

SOAK ?= 10m
soak: deps build ## full load for SOAK (10m), an audit every second, flat memory
	SPIKE_SOAK=$(SOAK) go test -tags e2e -count=1 -timeout 2h -run TestSoak -v ./cmd/spike

fuzz: ## every fuzz target for FUZZTIME (20000 inputs)
	@grep -roE --include='*_test.go' '^func Fuzz\w+' . | sed 's/:func / /' | while read -r file name; do \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$(dirname "$$file")"; \
	done

bench: deps build ## every measurement; results in bench/out
	bin/spike bench all

bench-strategies: deps build ## three orders of order, payment and deduction, on a real PostgreSQL
	bin/spike bench strategies

bench-balance: deps build ## how nginx shares a crowd, what "sold out" costs there, and the bill of a whole spike
	bin/spike bench balance
	bin/spike bench gate
	bin/spike bench bill

bench-real: deps build ## sales with a limit, a hold and keys, beside an anonymous one
	bin/spike bench real

bench-durable: deps build ## sales that are durable before their buyers hear of them, beside a row of PostgreSQL
	bin/spike bench durable

pprof: deps build ## CPU, mutex, block and heap profiles under load; results in bench/out
	bin/spike bench pprof

clean: ## remove what make made
	rm -rf bin bench/out
