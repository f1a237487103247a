#!/usr/bin/env bash
# Runs `make gen` and fails when it changes any file. Changes that were there
# before are none of its business.
set -euo pipefail
cd "$(dirname "$0")/.."

# Every file that git does not ignore, by its content.
state() {
	git ls-files -z --cached --others --exclude-standard --deduplicate |
		while IFS= read -r -d '' file; do
			[ ! -f "$file" ] || printf '%s %s\n' "$(git hash-object "$file")" "$file"
		done
}

before=$(state)
make --no-print-directory gen
if ! changed=$(diff <(echo "$before") <(state)); then
	echo "Generated files were not up to date; commit what 'make gen' changed:"
	sed -n 's/^[<>] [0-9a-f]* /  /p' <<<"$changed" | sort -u
	exit 1
fi
