#!/usr/bin/env bash
# Resolve pyproject.toml into the lock files beside this script: one version and its hashes per package, no address of
# any package index. UPGRADE=1 asks for the newest allowed versions, otherwise versions that still fit are kept.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock.txt

# lock NAME OPTION...: what pyproject.toml asks for with these options, as requirements/NAME.lock.txt.
lock() {
    local file="requirements/$1.lock.txt"
    shift
    "$work/venv/bin/uv" pip compile --output-file "$file" --quiet --python-version "${python:-3.11}" --generate-hashes \
        --no-emit-index-url --custom-compile-command "make lock" ${UPGRADE:+--upgrade} "$@"
    printf '%-34s %3d packages\n' "$file" "$(grep -c '^[a-z]' "$file")"
}

lock uv --universal --group uv
lock peers --group peers
lock dev pyproject.toml --group build --universal --extra dev --constraints requirements/constraints.txt
# These take the versions of dev: what is tested is what ships.
lock demo pyproject.toml --group build --universal --extra button --extra demo --extra package --constraints requirements/dev.lock.txt
# What the markers choose on a Bookworm Pi, written without the markers: any x86-64 machine can test it.
lock bookworm pyproject.toml --group build --extra test --constraints requirements/dev.lock.txt \
    --python-platform aarch64-manylinux_2_36

# What the Debian packages carry. numpy comes from apt; the rest of what ai-edge-litert asks for serves its converters and
# is never imported by the daemon.
not_carried=(numpy backports-strenum flatbuffers ml-dtypes protobuf tqdm typing-extensions)
carried=(pyproject.toml --extra button --extra watch --constraints requirements/dev.lock.txt "${not_carried[@]/#/--no-emit-package=}")
lock deb-bookworm "${carried[@]}" --python-platform aarch64-manylinux_2_36
python=3.13 lock deb-trixie "${carried[@]}" --python-platform aarch64-manylinux_2_40
