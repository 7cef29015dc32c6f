#!/bin/sh
# Installs with npm what package-lock.json pins: TypeScript, which checks the client module, and axe-core, which checks the page in the browser
# tests. Nothing of it reaches users. Later runs need no network.
set -eu
cd "$(dirname "$0")"

[ node_modules/.package-lock.json -nt package-lock.json ] && exit 0
if ! command -v npm >/dev/null; then
    echo "TypeScript and axe-core are missing, which npm installs, and npm is missing. On Debian 13: apt-get install nodejs npm. Elsewhere: https://nodejs.org" >&2
    exit 1
fi
npm ci --ignore-scripts --no-audit --no-fund --silent
