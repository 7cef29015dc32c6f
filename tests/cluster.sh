#!/bin/bash
# Three nodes on one PostgreSQL, and NATS between them where nats-server is installed, as plain processes in a temporary folder. Prints the
# nodes' addresses. Ctrl-C, or SIGTERM, ends all of them and removes the folder.
#
# CHINWAG_BIN is the binary, PORTS the nodes' ports (0 for free ones), NATS_PORT that of NATS (-1 for a free one).
set -euo pipefail

chinwag=${CHINWAG_BIN:-target/release/chinwag}
ports=${PORTS:-8081 8082 8083}
nats_port=${NATS_PORT:-4222}
user=$(id -un)
PATH=$PATH$(printf ':%s' /usr/lib/postgresql/*/bin)
unset DATABASE_URL DATABASE_URL_FILE NATS_URL NATS_URL_FILE NATS_CREDENTIALS_FILE ${!CHINWAG_@}

for program in initdb postgres pg_isready createdb; do
    command -v "$program" >/dev/null || { echo "make cluster needs PostgreSQL's $program: apt-get install postgresql" >&2; exit 1; }
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/chinwag-cluster.XXXXXX")
nodes=() services=()
end() {
    trap '' INT TERM # a second Ctrl-C changes nothing: all of it ends within the time of a drain
    for group in "${nodes[*]-}" "${services[*]-}"; do # the nodes first, which need the others to drain
        [ -z "$group" ] || { kill $group 2>/dev/null || true; wait $group 2>/dev/null || true; }
    done
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# PostgreSQL refuses to run as root.
unprivileged=()
if [ "$(id -u)" = 0 ]; then
    user=postgres
    chown "$user" "$folder"
    unprivileged=(setpriv "--reuid=$user" "--regid=$user" --clear-groups)
fi
chmod 755 "$folder"

# Waits until a command succeeds, for 30 seconds.
until_ready() {
    for _ in $(seq 300); do
        if "${@:2}" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    echo "$1 does not start; its log:" >&2
    cat "$folder/$1.log" >&2
    exit 1
}

# Each process gets a session of its own, which Ctrl-C in the terminal does not reach: `end` ends them in order.
cd / # which every user may enter
chinwag=$(cd "$OLDPWD" && realpath "$chinwag")
"${unprivileged[@]}" initdb --encoding=UTF8 --locale=C --auth=trust --no-sync --username=chinwag --pgdata="$folder/postgres" >"$folder/initdb.log"
"${unprivileged[@]}" setsid postgres -D "$folder/postgres" -k "$folder" -c listen_addresses= -c max_connections=100 >"$folder/postgres.log" 2>&1 &
services+=($!)
until_ready postgres pg_isready --quiet --host="$folder"
createdb --host="$folder" --username=chinwag --template=template0 --encoding=UTF8 chinwag

head -c 32 /dev/urandom | base64 >"$folder/jwt-secret"
chmod 600 "$folder/jwt-secret"
export DATABASE_URL="postgres://chinwag@${folder//\//%2F}/chinwag" CHINWAG_JWT_SECRET_FILE="$folder/jwt-secret"

bus="PostgreSQL"
if command -v nats-server >/dev/null && "$chinwag" --help | grep -q NATS_URL; then
    setsid nats-server --addr 127.0.0.1 --port "$nats_port" >"$folder/nats.log" 2>&1 &
    services+=($!)
    until_ready nats grep -q 'Server is ready' "$folder/nats.log"
    nats_port=$(sed -n 's/.*Listening for client connections on .*:\([0-9]*\)$/\1/p' "$folder/nats.log")
    export NATS_URL="nats://127.0.0.1:$nats_port"
    bus="PostgreSQL, with NATS between them"
fi

number=0
for port in $ports; do
    number=$((number + 1))
    setsid "$chinwag" --listen "127.0.0.1:$port" --log-format json >"$folder/node-$number.log" 2>&1 &
    nodes+=($!)
done
for number in $(seq "$number"); do
    until_ready "node-$number" grep -q '"message":"chinwag is ready"' "$folder/node-$number.log"
    grep -m1 '"message":"chinwag is ready"' "$folder/node-$number.log" | sed 's/.*"url":"\([^"]*\)".*/\1/'
done
echo "$number nodes on $bus; logs in $folder; Ctrl-C ends all of it"
# A node may be killed: the others go on.
while [ -n "${nodes[*]-}" ]; do
    ended=
    wait -n -p ended "${nodes[@]}" "${services[@]}" || true
    for service in "${services[@]}"; do
        if [ "$ended" = "$service" ]; then
            echo "PostgreSQL or NATS has ended; the last lines of the logs:" >&2
            tail -n 2 "$folder"/*.log >&2
            exit 1
        fi
    done
    for number in "${!nodes[@]}"; do
        if [ "${nodes[$number]}" = "$ended" ]; then
            echo "node $((number + 1)) has ended; the last lines of its log:" >&2
            tail -n 2 "$folder/node-$((number + 1)).log" >&2
            unset "nodes[$number]"
        fi
    done
done
exit 1
