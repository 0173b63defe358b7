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

# unpack MIRROR: Debian's packages from there into $folder.
unpack() {
    local keys=(/usr/share/keyrings/debian-archive-keyring.*) libraries loader package
    echo "fer-edge: unpacking Python $version of Debian $suite into $folder" >&2
    rm -rf "$folder"
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
    echo "deb [signed-by=${keys[0]}] $1 $suite main" >"$folder/apt/sources.list"
    # An apt of its own: it changes nothing of the machine's, and believes that no package is installed.
    cat >"$folder/apt/apt.conf" <<END
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$folder/apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$folder/apt";
END
    export APT_CONFIG=$folder/apt/apt.conf
    apt-get update -qq
    # libstdc++, which wheels need beside Python's own libraries, has to fit its C library.
    apt-get install -qq --yes --download-only --no-install-recommends "python$version-venv" libstdc++6 >/dev/null
    for package in "$folder"/apt/archives/*.deb; do
        dpkg-deb --extract "$package" "$folder"
    done
    rm -rf "$folder/apt"
    libraries=("$folder"/{usr/,}lib/*-linux-gnu)
    loader=$(find "$folder" -name 'ld-linux-*.so.*' | head -n 1)
    patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$(IFS=: && echo "${libraries[*]}")" "$unpacked"
    sed -i "s#/usr/share/python-wheels#$folder&#" "$folder/usr/lib/python$version"/_sysconfigdata_*.py
}

if first "/usr/bin/python$version" "$unpacked"; then
    exit
fi
# shellcheck disable=SC2016 # apt's own variable
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 '/debian/*$' || true)
if [[ -n $mirror ]] && command -v patchelf >/dev/null; then
    unpack "$mirror"
fi
first "$unpacked" "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python || {
    echo "fer-edge: no Python $version here; on Debian, apt-get install patchelf lets make fetch it," \
        "elsewhere name one with: make OTHER_PYTHON=..." >&2
    exit 1
}
