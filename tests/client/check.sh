#!/bin/sh
# Checks static/client, and the parts of the page that need no document: their types (`tsc --checkJs`), and their tests in Node. npm installs the one package that it needs, TypeScript, where
# package-lock.json pins it; later runs need no network.
set -eu
cd "$(dirname "$0")"

missing() {
    echo "The client module is checked with $1. On Debian 13: apt-get install nodejs npm. Elsewhere: https://nodejs.org" >&2
    exit 1
}

# The oldest release with the WebSocket that the README's example uses.
node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 10) ? 0 : 1)' \
    2>/dev/null || missing "Node 20.10 or newer"
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
    command -v npm >/dev/null || missing "TypeScript, which npm installs; npm is missing"
    npm ci --ignore-scripts --no-audit --no-fund --silent
fi

node_modules/.bin/tsc --project .
node --test --test-reporter=spec
