#!/usr/bin/env bash
# Installs the npm packages that the browser tests in test/browser need, from
# their lock file. The tests themselves are Go tests in that folder: they start
# the program and drive Chromium through Node.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -d test/browser ] || exit 0

for file in package.json package-lock.json; do
	[ -f "test/browser/$file" ] || { echo "test/browser/$file is missing" >&2; exit 1; }
done
compgen -G 'test/browser/*_test.go' >/dev/null || { echo "test/browser has no *_test.go that runs its tests" >&2; exit 1; }

# npm ci starts from nothing each time: run it only when the lock file changed.
cd test/browser
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
	npm ci --no-audit --no-fund
	mkdir -p node_modules # npm makes none for an empty list
	cp package-lock.json node_modules/.installed-lock.json
fi
