#!/usr/bin/env bash
# Runs every benchmark of the module and of the nested module bench/, then the
# load test `breakwater bench decide`, and prints one table. Options for the
# runner: BENCH (which, a regular expression), BENCHTIME (how long each).
set -euo pipefail
cd "$(dirname "$0")/.."

run() { # directory
	go -C "$1" test -vet=off -run '^$' -bench "${BENCH:-.}" -benchtime "${BENCHTIME:-1s}" -benchmem ./...
}

rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
echo "Running; the table follows." >&2
run . >"$rows"
[ ! -f bench/go.mod ] || run bench >>"$rows"

# A benchmark's line is its name, its rounds, then pairs of value and unit.
awk '
	$1 == "pkg:" { package = $2; sub(/^github\.com\/breakwater-project\/breakwater\/?/, "", package) }
	$1 == "cpu:" && !cpu { cpu = $0; print cpu; print "" }
	/^Benchmark/ {
		name = $1; sub(/^Benchmark/, "", name); sub(/-[0-9]+$/, "", name)
		line = sprintf("%-20s %-40s", package, name)
		for (i = 3; i < NF; i += 2) line = line sprintf(" %14s %-12s", $i, $(i + 1))
		print line; n++
	}
	END { if (!n) { print "There is no benchmark." > "/dev/stderr"; exit 1 } }
' "$rows"

bin=$(mktemp -d)
data=$(mktemp -d)
server=
finish() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	rm -rf "$rows" "$bin" "$data"
}
trap finish EXIT
go build -o "$bin/breakwater" ./cmd/breakwater

printf '\nEvaluating policy beside indigo automod, turn by turn\n'
go -C bench run .

printf '\nSearching hashes beside faiss, one thread\n'
go run ./scripts/faiss
go run ./scripts/faiss -n 10000000 -builds 1

printf '\nDurable decisions over HTTP, SQLite, server and load on the same cores\n'
"$bin/breakwater" bench decide
"$bin/breakwater" bench decide --batch 100 --connections 8 | tail -n 1

# How long until a new server answers, and what it weighs when idle.
started=$(date +%s%N)
"$bin/breakwater" serve --data "$data" --addr 127.0.0.1:0 >"$data/out" 2>/dev/null &
server=$!
until url=$(grep -o 'http://[0-9.:]*' "$data/out") && curl -fsS "$url/readyz" >/dev/null 2>&1; do :; done
ready=$(($(date +%s%N) - started))
printf '\nserve: ready after %d ms, %d MB resident when idle\n' $((ready / 1000000)) $(($(awk '/^VmRSS/ {print $2}' "/proc/$server/status") / 1024))
