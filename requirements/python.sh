#!/usr/bin/env bash
# python.sh VERSION: print the path of a Python of this version, 3.11 or 3.13: the machine's own, pyenv's, or the one of
# Debian 12 or 13, which is unpacked into build/ and started with its own libraries. Nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$1
declare -A suites=([3.11]=bookworm [3.13]=trixie)

die() {
    echo "fer-edge: $1" >&2
    exit 1
}

works() {
    [[ $("$1" -c 'import ensurepip, ssl, sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) == "$version" ]]
}

for candidate in "python$version" "/usr/bin/python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
    if works "$candidate"; then
        command -v "$candidate"
        exit
    fi
done

suite=${suites[$version]:-}
folder=$PWD/build/python$version
python=$folder/usr/bin/python$version
if works "$python"; then
    echo "$python"
    exit
fi
hint="name one with: make OTHER_PYTHON=..."
# shellcheck disable=SC2016 # apt's own variable
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 '/debian/*$') ||
    die "no Python $version here, and no Debian mirror to take one from; $hint"
[[ -n $suite ]] || die "no Python $version here, and no Debian has it; $hint"
command -v patchelf >/dev/null || die "needs patchelf to unpack Python $version (apt-get install patchelf), or: $hint"

echo "fer-edge: unpacking Python $version of Debian $suite into $folder" >&2
rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
keys=(/usr/share/keyrings/debian-archive-keyring.*)
echo "deb [signed-by=${keys[0]}] $mirror $suite main" >"$folder/apt/sources.list"
# An apt of its own: it reads and writes nothing of the machine's, and believes that no package is installed.
cat >"$folder/apt/apt.conf" <<END
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$folder/apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$folder/apt";
END
export APT_CONFIG=$folder/apt/apt.conf
apt-get update -qq
# libstdc++: what wheels need beside Python's own libraries has to fit its C library.
apt-get install -qq --yes --download-only --no-install-recommends "python$version-venv" libstdc++6 >/dev/null
for package in "$folder"/apt/archives/*.deb; do
    dpkg-deb --extract "$package" "$folder"
done
rm -rf "$folder/apt"

libraries=("$folder"/usr/lib/*-linux-gnu "$folder"/lib/*-linux-gnu)
loader=$(find "$folder" -path '*-linux-gnu*/ld-linux-*.so.*' | head -n 1)
patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$(IFS=: && echo "${libraries[*]}")" "$python"
sed -i "s#/usr/share/python-wheels#$folder&#" "$folder/usr/lib/python$version"/_sysconfigdata_*.py
works "$python" || die "Python $version of Debian $suite does not start here: $python"
echo "$python"
