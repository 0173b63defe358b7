#!/usr/bin/env bash
# run.sh PROCESSOR PYTHON-ARGUMENT...: run Python in the emulator, which writes "instructions N" to stderr at every
# mark() of benchmarks/mark.py. PROCESSOR is x86-64 (with AVX2 and without int8 dot products; the Python of VENV, .venv
# unless set) or arm64 (a Cortex-A72 as in a Pi 4, with the packages of a Bookworm Pi). prepare.sh comes first.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/build/instructions
processor=$1
shift
export PYTHONPATH=$root PYTHONHASHSEED=0
case $processor in
x86-64)
    exec "$work/qemu/usr/bin/qemu-x86_64" -cpu Haswell,-pcid,-x2apic,-tsc-deadline,-hle,-invpcid,-rtm \
        -plugin "$work/count.so" "${VENV:-$root/.venv}/bin/python" "$@"
    ;;
arm64)
    libraries=$work/arm64/usr/lib/aarch64-linux-gnu
    exec "$work/qemu/usr/bin/qemu-aarch64" -cpu cortex-a72 -L "$work/arm64" \
        -E "LD_LIBRARY_PATH=$libraries/blas:$libraries/lapack" -E "PYTHONPATH=$root:$work/arm64/site" \
        -plugin "$work/count.so" "$work/arm64/usr/bin/python3" "$@"
    ;;
*)
    echo "fer-edge: $processor is no processor that instructions are counted for; expected x86-64 or arm64" >&2
    exit 2
    ;;
esac
