#!/usr/bin/env bash
# Runs every fuzz target of the module, FUZZTIME each (30s by default). An
# input that fails is kept in the package's testdata/fuzz: commit it.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzztime=${FUZZTIME:-30s}

# `go test -list` prints a package's targets, then "ok <package>".
listing=$(go test -vet=off -list '^Fuzz' ./...)
targets=$(awk '/^Fuzz/ { names[++n] = $1 } /^ok/ { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }' <<<"$listing")
[ -n "$targets" ] || { echo "There is no fuzz target." >&2; exit 1; }

passed=0 failed=()
while read -r package target; do
	echo "== $target in $package"
	if go test -vet=off -run '^$' -fuzz "^$target\$" -fuzzminimizetime 10x -fuzztime "$fuzztime" "$package" </dev/null; then
		passed=$((passed + 1))
	else
		failed+=("$package $target")
	fi
done <<<"$targets"

printf '\n'
[ ${#failed[@]} -eq 0 ] || printf 'FAILED %s\n' "${failed[@]}"
echo "$passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
