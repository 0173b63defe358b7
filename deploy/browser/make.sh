#!/usr/bin/env bash
# Makes the page ready to be served, into FOLDER: this folder's files, the models and LiteRT's WebAssembly.
# deploy/browser/make.sh FOLDER [CLASSIFIER-RELEASE [DETECTOR-RELEASE]]; the releases are by default those of edge/models.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:?name the folder to fill}
quantize=${FER_QUANTIZE:-$root/.venv/bin/fer-quantize}
cache=$root/build/browser

command -v npm >/dev/null || { echo "npm is absent, which brings LiteRT.js: apt install npm" >&2; exit 1; }
mkdir -p "$cache" "$out/runtime/core" "$out/runtime/wasm-utils"
exec 9>"$cache/lock"
flock 9 # one at a time fetches
if ! cmp -s "$here/package-lock.json" "$cache/installed"; then
    cp "$here/package.json" "$here/package-lock.json" "$cache"
    npm ci --prefix "$cache" --ignore-scripts --no-audit --no-fund --loglevel=error || exit 69 # EX_UNAVAILABLE
    cp "$here/package-lock.json" "$cache/installed"
fi
flock -u 9

cp "$here"/*.{html,css,js,webmanifest} "$out"
packages=$cache/node_modules/@litertjs
cp -r "$packages/core/dist" "$out/runtime/core"
cp -r "$packages/wasm-utils/dist" "$out/runtime/wasm-utils"
rm -f "$out"/runtime/*/dist/*.{map,ts,json}
# One thread, without WebGPU: for browsers with relaxed SIMD, and for the others.
mkdir -p "$out/runtime/core/wasm"
cp "$packages"/core/wasm/litert_wasm_{,compat_}internal.{js,wasm} "$out/runtime/core/wasm"
"$quantize" browser "${2:-$root/edge/models}" --replace --out "$out/models/emotion"
"$quantize" browser "${3:-$root/edge/models/face}" --replace --out "$out/models/face"
echo "$out: ready; serve it over https, or on this machine with python3 -m http.server --directory $out"
