#!/usr/bin/env bash
# make-certificates.sh FOLDER BROKER [NAME...]: a private authority in FOLDER, a certificate for the broker that clients
# reach as BROKER (host name or IP address), and one for each NAME: device ids, dashboard, home-assistant.
# What is there already stays; to renew a certificate, delete its .pem and run again.
set -euo pipefail
umask 077

usage="usage: make-certificates.sh FOLDER BROKER [NAME...]"
folder=${1:?$usage}
broker=${2:?$usage}
shift 2

# refuse REASON
refuse() {
    echo "certificates: $1" >&2
    exit 1
}

# It becomes part of a certificate, where other characters would say something else.
octet='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
label='[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
if [[ $broker =~ ^$octet(\.$octet){3}$ || ($broker =~ ^[0-9A-Fa-f:]+$ && $broker == *:*:*) ]]; then
    kind=IP
elif [[ $broker =~ ^$label(\.$label)*$ && ! $broker =~ (^|\.)[0-9]+$ && ${#broker} -le 64 ]]; then
    kind=DNS
else
    refuse "broker '$broker' is not allowed; give the host name (at most 64 characters) or IP address that devices connect to"
fi
for name; do
    # It becomes a level of a topic: a wildcard in it would open other devices' topics.
    [[ $name =~ ^[a-z0-9-]{3,32}$ && $name != broker ]] ||
        refuse "name '$name' is not allowed; give 3 to 32 characters of a-z, 0-9 and -, and not broker"
done
mkdir -p "$folder"
cd "$folder"

# make_key NAME
make_key() {
    [[ -s $1.key ]] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$1.key"
}

# sign NAME COMMON_NAME EXTENSIONS
sign() {
    [[ ! -s $1.pem ]] || {
        echo "certificates: kept $folder/$1.pem"
        return
    }
    make_key "$1"
    local said
    said=$(openssl req -new -key "$1.key" -subj "/CN=$2" |
        openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 1825 -extfile <(printf '%s\n' "$3") \
            -out "$1.pem.new" 2>&1) || refuse "$folder/$1.pem for $2 could not be made; openssl says: $said"
    mv -- "$1.pem.new" "$1.pem"
    echo "certificates: made $folder/$1.pem for $2, five years"
}

if [[ -s ca.pem ]]; then
    echo "certificates: kept $folder/ca.pem"
else
    make_key ca
    # Clients that check strictly, Python's from 3.13 on, refuse an authority without a stated key usage.
    openssl req -x509 -new -key ca.key -subj "/CN=fer-edge private authority" -days 7300 \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.pem
    echo "certificates: made $folder/ca.pem, twenty years; keep ca.key off the broker and the devices"
fi
sign broker "$broker" "subjectAltName=$kind:$broker"$'\n'"extendedKeyUsage=serverAuth"
for name; do
    # RabbitMQ compares the client id with the alternative name.
    sign "$name" "$name" "subjectAltName=DNS:$name"$'\n'"extendedKeyUsage=clientAuth"
done
