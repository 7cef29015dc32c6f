#!/bin/sh
# Checks static/client, and the parts of the page that need no document: their types (`tsc --checkJs`), and their tests in Node.
set -eu
cd "$(dirname "$0")"

missing() {
    echo "The client module is checked with $1. On Debian 13: apt-get install nodejs npm. Elsewhere: https://nodejs.org" >&2
    exit 1
}

# The oldest release with the WebSocket that the README's example uses.
node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 10) ? 0 : 1)' \
    2>/dev/null || missing "Node 20.10 or newer"
./install.sh

node_modules/.bin/tsc --project .
node --test --test-reporter=spec
