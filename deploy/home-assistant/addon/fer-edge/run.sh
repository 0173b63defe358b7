#!/bin/sh
# The add-on's options and the Supervisor's broker -> the configuration.
set -eu

option() { # NAME
    jq --raw-output ".$1" /data/options.json
}

# Once: the device keeps its id when the add-on is installed again.
[ -s /data/id ] || echo "fer-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')" >/data/id
mqtt=$(curl -fsS -H "Authorization: Bearer $SUPERVISOR_TOKEN" http://supervisor/services/mqtt)
broker() { # NAME
    echo "$mqtt" | jq --raw-output ".data.$1 // empty"
}

case $(option camera) in
usb) camera="device = $(jq '.address' /data/options.json)" ;;
*) camera="url = $(jq '.address' /data/options.json)" ;;
esac
umask 077
broker password >/data/password
cat >/data/fer-edge.toml <<END
[device]
id = "$(cat /data/id)"
room = $(jq '.room // ""' /data/options.json)
[camera]
kind = "$(option camera)"
$camera
[privacy]
min_people = $(option min_people)
[mqtt]
host = "$(broker host)"
port = $(broker port)
username = "$(broker username)"
password_file = "password"
END
exec fer-edge run --config /data/fer-edge.toml
