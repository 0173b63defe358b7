#!/usr/bin/env bash
# unpack.sh SUITE FOLDER PACKAGE...: download packages of another Debian release (bookworm, trixie) with all they need,
# and unpack them into FOLDER. Nothing is installed, and the machine's own apt is not changed. ARCHITECTURE=arm64 takes
# those of another processor.
set -euo pipefail

suite=$1 folder=$2
shift 2
# shellcheck disable=SC2016 # apt's own variable
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 '/debian/*$') || {
    echo "fer-edge: Debian $suite cannot be unpacked here: this machine's apt names no Debian mirror" >&2
    exit 1
}
keys=(/usr/share/keyrings/debian-archive-keyring.*)
echo "fer-edge: unpacking $* of Debian $suite into $folder" >&2
rm -rf "$folder"
mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
echo "deb [signed-by=${keys[0]}] $mirror $suite main" >"$folder/apt/sources.list"
# An apt of its own: it changes nothing of the machine's, and believes that no package is installed.
cat >"$folder/apt/apt.conf" <<END
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$folder/apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$folder/apt";
${ARCHITECTURE:+APT::Architecture "$ARCHITECTURE";}
${ARCHITECTURE:+APT::Architectures "$ARCHITECTURE";}
END
export APT_CONFIG=$folder/apt/apt.conf
apt-get update -qq
# libstdc++ has to fit the release's C library.
apt-get install -qq --yes --download-only --no-install-recommends "$@" libstdc++6 >/dev/null
for package in "$folder"/apt/archives/*.deb; do
    dpkg-deb --extract "$package" "$folder"
done
rm -rf "$folder/apt"
