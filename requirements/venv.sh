#!/usr/bin/env bash
# venv.sh FOLDER LOCK: make the virtual environment FOLDER from requirements/LOCK.lock.txt, every file checked against
# its hash, with the project itself on top. Works twice. PYTHON names the interpreter to use.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1
lock=requirements/$2.lock.txt
supported=(3.11 3.12 3.13)
[[ $2 != bookworm ]] || supported=(3.11) # the last Python with tflite-runtime

die() {
    echo "fer-edge: $1" >&2
    exit 1
}

# Ends with 1 and a sentence for a Python that will not do; read by old Pythons too.
suits='
import sys
have = "%d.%d" % sys.version_info[:2]
if have not in sys.argv[1:]:
    sys.exit("is Python %s, needed is %s" % (have, " or ".join(sys.argv[1:])))
try:
    import ensurepip, venv
except ImportError:
    sys.exit("cannot make virtual environments; on Debian: apt install python%s-venv" % have)
'

find_python() {
    local candidates=(python3.11 python3.12 python3.13 python3) candidate reason fault=
    [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        command -v "$candidate" >/dev/null || continue
        if reason=$("$candidate" -c "$suits" "${supported[@]}" 2>&1); then
            echo "$candidate"
            return
        elif [[ $? == 1 ]]; then # other statuses: a shim without a Python behind it
            fault=${fault:-$candidate $reason}
        fi
    done
    die "${fault:-${candidates[*]}: not found}; name another Python with: make PYTHON=..."
}

# uv is three times as fast as pip but reads none of pip's configuration (mirror, certificate), hence the second try.
install() {
    "$venv/bin/uv" pip install ${quiet:+--quiet} --python "$venv/bin/python" "$@" ||
        "$venv/bin/pip" install ${quiet:+--quiet} "$@"
}
quiet=yes
[[ ! -t 2 ]] || quiet= # bars for a person only

case $(uname -sm) in
Linux* | "Darwin arm64") ;;
*) die "runs on Linux, and on Macs with Apple silicon; this is $(uname -sm), for which the libraries have no builds" ;;
esac
export PIP_DISABLE_PIP_VERSION_CHECK=1
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "fer-edge: making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi
echo "fer-edge: installing $(grep -c '^[a-z]' "$lock") packages of $lock into $venv (minutes the first time)"
"$venv/bin/pip" install --quiet --require-hashes -r requirements/uv.lock.txt
install --require-hashes -r "$lock"
install --no-deps --no-build-isolation --editable .
