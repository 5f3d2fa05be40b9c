#!/bin/bash
# Ends with 0 if every model in models.config, or every one named, has a version that answers.
#
#   healthcheck.sh [MODEL ...]
#
# PORT (of REST, 8501), HOST_TO_ASK (127.0.0.1) and CONFIG come from the environment.
set -u

host=${HOST_TO_ASK:-127.0.0.1}
port=${PORT:-8501}
config=${CONFIG:-/models/models.config}

if [ $# -eq 0 ]; then
    # Lines of comment are no models.
    mapfile -t names < <(sed -n 's/^[^#]*\bname: *"\([^"]*\)".*/\1/p' "$config")
    set -- "${names[@]}"
fi
if [ $# -eq 0 ]; then
    echo "no model in $config" >&2
    exit 1
fi

for model in "$@"; do
    if ! exec 3<>"/dev/tcp/$host/$port"; then
        echo "nothing listens on $host:$port" >&2
        exit 1
    fi
    printf 'GET /v1/models/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$model" "$host" >&3
    if ! grep -q '"AVAILABLE"' <&3; then
        echo "no version of $model is available" >&2
        exit 1
    fi
    exec 3>&-
done
