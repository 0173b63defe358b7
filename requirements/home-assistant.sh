#!/usr/bin/env bash
# home-assistant.sh: a real Home Assistant into build/home-assistant, where tests/deploy/test_home_assistant_real.py finds
# it: a Debian root with its Python, which is newer than any that fer-edge runs on, and the packages of the integrations
# that the test uses. Nothing is installed on this machine. Needs debootstrap, root, 1.5 GB and ten minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

version=2026.9.4 # the one that deploy/home-assistant/README.md names
root=$PWD/build/home-assistant
command -v debootstrap >/dev/null || {
    echo "home-assistant.sh needs debootstrap (apt-get install debootstrap)" >&2
    exit 1
}
# shellcheck disable=SC2016 # apt's own variable
mirror=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -m 1 '/debian/*$') || {
    echo "home-assistant.sh: this machine's apt names no Debian mirror" >&2
    exit 1
}
rm -rf "$root"
mkdir -p "$root"
# The older debootstrap of a stable Debian knows sid, which every later release is made like.
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,libturbojpeg0 \
    forky "$root" "$mirror" /usr/share/debootstrap/scripts/sid
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"

cat >"$root/install" <<END
set -eu
python3 -m venv /home-assistant
pip="/home-assistant/bin/pip --quiet --no-cache-dir --disable-pip-version-check --cert /etc/ssl/certs/ca-certificates.crt"
\$pip install homeassistant==$version
# What Home Assistant would install when it starts: the requirements of integrations, and of those they depend on.
/home-assistant/bin/python - >/requirements <<PYTHON
import json
from pathlib import Path
import homeassistant.components as components

folder = Path(components.__path__[0])
wanted = ["frontend", "mqtt", "history", "config", "automation", "system_log", "hassio", "conversation", "tts"]
wanted += ["camera", "infrared", "radio_frequency"]  # the page asks for the services of every kind of entity
wanted += ["met", "radio_browser", "google_translate"]  # which a new installation sets up by itself
found, requirements = set(), set()
while wanted:
    if (name := wanted.pop()) not in found:
        found.add(name)
        manifest = json.loads((folder / name / "manifest.json").read_text())
        requirements |= set(manifest.get("requirements", []))
        wanted += manifest.get("dependencies", [])
print("\n".join(sorted(requirements)))
PYTHON
\$pip install -r /requirements -c /home-assistant/lib/python3*/site-packages/homeassistant/package_constraints.txt
# Voice needs two modules that would have to be compiled; nothing here speaks.
echo 'class MicroVad: ...' >"\$(echo /home-assistant/lib/python3*/site-packages)/pymicro_vad.py"
echo 'class AudioProcessor: ...' >"\$(echo /home-assistant/lib/python3*/site-packages)/pyspeex_noise.py"
END
chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 sh /install
touch "$root/made"
