#!/usr/bin/env bash
# bundle.sh [PYTHON] [FOLDER]: pack what a Pi needs into FOLDER/fer-edge-VERSION.tar.gz (default: .venv's Python, dist).
# Works twice: the same sources make the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-.venv/bin/python}
dist=${2:-dist}

for needed in edge/models/{,face/}model.{tflite,json}; do
    [[ -f $needed ]] || {
        echo "bundle: $needed is absent; make one with: make quantize or make quantize-detector" >&2
        exit 1
    }
done

# Built from a copy: a build/ folder of an earlier build would leak files that are gone into the wheel.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source"
cp -r pyproject.toml README.md LICENSE edge train quantize "$work/source"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600} # 2026-01-01: the date of every file in the bundle
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$work" "$work/source"

wheel=$(basename "$work"/fer_edge-*.whl)
version=$(cut -d- -f2 <<<"$wheel")
name=fer-edge-$version
mkdir "$work/$name"
cp "$work/$wheel" requirements/run.lock.txt deploy/fer-edge.toml deploy/README.md systemd/* "$work/$name"
cp -r deploy/dashboard "$work/$name"
(cd "$work/$name" && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum -- >"$work/sums")
mv "$work/sums" "$work/$name/SHA256SUMS"
chmod -R u=rwX,go=rX "$work/$name"
mkdir -p "$dist"
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" "$name" |
    gzip --no-name >"$dist/$name.tar.gz"

echo "$dist/$name.tar.gz, $(du -h "$dist/$name.tar.gz" | cut -f1):"
tar --list --gzip --file "$dist/$name.tar.gz" | sed 's/^/  /'
