#!/usr/bin/env bash
# Starts a PostgreSQL for tests in a temporary directory, prints its DSN, and
# ends and deletes it when standard input ends. Lines on standard input: "stop"
# cuts the server off as a crash would, "start" starts it again; each is
# answered with the DSN. It listens on a Unix socket only that its own user and
# root can reach, and forgets on a power cut what it acknowledged (fsync=off).
#
#   scripts/postgres.sh                                   # until Ctrl-D
#   BREAKWATER_TEST_POSTGRES='postgres://…' go test ./…   # share it
set -euo pipefail

initdb=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1) || initdb=$(command -v initdb) || {
	echo "PostgreSQL is not installed; on Debian: apt-get install postgresql" >&2
	exit 1
}
bin=$(dirname "$initdb")

dir=$(mktemp -d -t breakwater-postgres.XXXXXX)
as=()
if [ "$(id -u)" -eq 0 ]; then # PostgreSQL does not run as root
	user=postgres
	id "$user" >/dev/null 2>&1 || user=nobody
	chown "$user" "$dir"
	as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
fi
cd "$dir" # the server's user may not enter the caller's folder

control() { # arguments of pg_ctl
	"${as[@]}" "$bin/pg_ctl" -D "$dir/data" -w -s "$@" >>"$dir/control" 2>&1
}
end() {
	trap '' INT TERM HUP
	control stop -m immediate || true
	cd /
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

start() {
	control start -l "$dir/log" || {
		cat "$dir/control" "$dir/log" >&2
		exit 1
	}
}
"${as[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/control" 2>&1 || {
	cat "$dir/control" >&2
	exit 1
}
cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
full_page_writes = off
max_connections = 300
CONF
start

dsn="postgres://postgres@/postgres?host=$dir"
echo "$dsn"
while read -r line; do
	case $line in
	stop) control stop -m immediate ;;
	start) start ;;
	*) echo "stop or start, not $line" >&2 && continue ;;
	esac
	echo "$dsn"
done
