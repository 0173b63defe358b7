#!/usr/bin/env bash
# python.sh VERSION: print the path of a Python of this version, 3.11 or 3.13. It is the machine's own, or the one of
# Debian 12 or 13, which is unpacked into build/ and started with its own libraries (nothing is installed), or else
# pyenv's: Debian's is what runs on a Pi, and other builds of the same version have behaved differently.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$1
declare -A suites=([3.11]=bookworm [3.13]=trixie)
suite=${suites[$version]}
folder=$PWD/build/python$version
unpacked=$folder/usr/bin/python$version

# first CANDIDATE...: print the first that works.
first() {
    local candidate ask='import ensurepip, ssl, sys, venv; print("%d.%d" % sys.version_info[:2])'
    for candidate; do
        if [[ $("$candidate" -c "$ask" 2>&1) == "$version" ]]; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# unpack: Debian's packages into $folder.
unpack() {
    local libraries loader
    requirements/unpack.sh "$suite" "$folder" "python$version-venv" || return
    libraries=("$folder"/{usr/,}lib/*-linux-gnu)
    loader=$(find "$folder" -name 'ld-linux-*.so.*' | head -n 1)
    patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$(IFS=: && echo "${libraries[*]}")" "$unpacked"
    sed -i "s#/usr/share/python-wheels#$folder&#" "$folder/usr/lib/python$version"/_sysconfigdata_*.py
}

if first "/usr/bin/python$version" "$unpacked"; then
    exit
fi
if command -v apt-get >/dev/null && command -v patchelf >/dev/null; then
    unpack || true
fi
first "$unpacked" "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python || {
    echo "fer-edge: no Python $version here; on Debian, apt-get install patchelf lets make fetch it," \
        "elsewhere name one with: make OTHER_PYTHON=..." >&2
    exit 1
}
