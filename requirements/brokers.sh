#!/usr/bin/env bash
# brokers.sh: unpack RabbitMQ and NATS of Debian 13 into build/brokers, where tests/deploy/test_cluster.py finds them;
# Debian 12's RabbitMQ has no MQTT 5, and it has no NATS. Nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$PWD/build/brokers
command -v patchelf >/dev/null || {
    echo "brokers.sh needs patchelf (apt-get install patchelf)" >&2
    exit 1
}
requirements/unpack.sh trixie "$folder" rabbitmq-server nats-server

# The programs run beside the machine's own, so they have to find the C library of their own release.
libraries=("$folder"/usr/lib/*-linux-gnu)
loader=$(find "$folder" -name 'ld-linux-*.so.*' | head -n 1)
erlang=$folder/usr/lib/erlang
for program in "$folder/usr/sbin/nats-server" "$erlang"/erts-*/bin/* "$erlang"/lib/*/priv/bin/*; do
    if patchelf --print-interpreter "$program" >/dev/null 2>&1; then
        patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$(IFS=: && echo "${libraries[*]}")" "$program"
    fi
done
sed -i "s#ROOTDIR=/usr/lib/erlang\$#ROOTDIR=$erlang#" "$erlang/bin/erl" "$erlang"/erts-*/bin/erl
