#!/usr/bin/env bash
# Installs the Debian packages that the tests need and this machine lacks.
# Where it may not install (neither root nor sudo without a password, or no
# apt-get), it names what is missing and exits 1.
set -euo pipefail

# The one list: a command or file that shows the thing is there, the Debian
# package that brings it, and what needs it. Any command or file will do, from
# wherever it was installed. (Debian's postgresql and redis-server also start
# databases of their own; the tests start theirs in temporary directories and
# leave those be.)
needs() {
	cat <<'LIST'
gcc                               gcc         the race detector
/usr/include/stdio.h              libc6-dev   the race detector
curl                              curl        the commands in the README
/usr/lib/postgresql/*/bin/initdb  postgresql  the store tests on PostgreSQL
node                              nodejs      the browser tests
npm                               npm         the browser tests
chromium                          chromium    the browser tests
ffmpeg                            ffmpeg      the hashes of videos
xmlsec1                           xmlsec1     trusted lists signed by others
redis-server                      redis-server the counts that several processes share
LIST
}

present() {
	case $1 in
	/*) compgen -G "$1" >/dev/null ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

missing=() reasons=()
while read -r probe package why; do
	if ! present "$probe"; then
		missing+=("$package")
		reasons+=("  $package: for $why")
	fi
done < <(needs)
[ ${#missing[@]} -gt 0 ] || exit 0

echo "Missing on this machine:"
printf '%s\n' "${reasons[@]}"

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	as_root=(sudo -n)
fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
	echo "They can't be installed from here. Install them, then run this again; on Debian:"
	echo "  sudo apt-get install --no-install-recommends ${missing[*]}"
	exit 1
fi

"${as_root[@]}" apt-get update -q || echo "apt-get update failed: going on with the package lists there are"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
