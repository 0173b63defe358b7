#!/usr/bin/env bash
# prepare.sh: an emulator that counts instructions, and what a Bookworm Pi runs, into build/instructions. Needs a Debian
# machine with a C compiler; nothing is installed, and no root is needed. Works twice.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$PWD/build/instructions
mkdir -p "$work"
"${CC:-cc}" -shared -fPIC -O2 -Wall -Wextra -fvisibility=hidden -o "$work/count.so" benchmarks/instructions/count.c
[[ -x $work/qemu/usr/bin/qemu-aarch64 ]] || requirements/unpack.sh bookworm "$work/qemu" qemu-user
if [[ ! -e $work/arm64/site ]]; then
    ARCHITECTURE=arm64 requirements/unpack.sh bookworm "$work/arm64" python3-minimal python3 python3-numpy zlib1g
    .venv/bin/python -c 'from deploy.debian.build import SUITES, download; download(SUITES["bookworm"], "aarch64")'
    .venv/bin/python - "$work/arm64/site" build/wheels/bookworm-aarch64/*.whl <<'END'
import sys
import zipfile

for wheel in sys.argv[2:]:
    zipfile.ZipFile(wheel).extractall(sys.argv[1])
END
fi
