#!/bin/sh
# Installs the programs that the tests start, where they are missing and apt-get may be used. What stays missing is named; with CI=true
# that is a failure.
#
# The tests run PostgreSQL on a private cluster of their own. So Debian's package is told to make none, and none is started. That of PgBouncer
# starts one, which is stopped.
set -eu

# package: program, looked for in the path and where Debian keeps PostgreSQL's
needs='postgresql:postgres
pgbouncer:pgbouncer
chromium:chromium
procps:pgrep
curl:curl
faketime:faketime
npm:npm'

missing() {
    folders=$PATH:/usr/sbin$(printf ':%s' /usr/lib/postgresql/*/bin)
    for need in $needs; do
        (PATH=$folders && command -v "${need#*:}" >/dev/null) || echo "${need%:*}"
    done
    # Debian keeps what makes an environment of Python's in a package without a program.
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    python3 -c 'import yaml' 2>/dev/null || echo python3-yaml
}

# A command in root's name; fails if that needs a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# For the time of the installation only: whoever installs PostgreSQL later gets a cluster as usual.
no_cluster=/etc/postgresql-common/createcluster.d/chinwag-tests.conf
forbid_cluster() {
    as_root mkdir -p "${no_cluster%/*}"
    echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
    trap 'as_root rm -f "$no_cluster"' EXIT
    trap 'exit 1' HUP INT TERM
}

packages=$(missing)
[ -n "$packages" ] || exit 0

if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
    echo "Installing for the tests:" $packages
    apt update || echo "apt-get update failed; trying with the lists that are here." >&2
    forbid_cluster
    for package in $packages; do
        apt install --yes --no-install-recommends "$package" || true # what is missing is seen below
        [ "$package" != pgbouncer ] || as_root systemctl disable --now pgbouncer 2>/dev/null || true # where there is systemd
    done
fi

packages=$(missing)
if [ -n "$packages" ]; then
    echo "Missing for the tests:" $packages >&2
    echo "On Debian: sudo apt-get install --no-install-recommends" $packages >&2
    [ "${CI:-}" != true ]
fi
