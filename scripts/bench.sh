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

if [ -d cmd/breakwater ]; then
	bin=$(mktemp -d)
	trap 'rm -rf "$rows" "$bin"' EXIT
	go build -o "$bin/breakwater" ./cmd/breakwater
	if "$bin/breakwater" bench decide --help >/dev/null 2>&1; then
		printf '\nbreakwater bench decide\n'
		"$bin/breakwater" bench decide
	fi
fi
