#!/usr/bin/env bash
# Builds the rivals of Polder's benchmarks: build.sh OUTDIR makes OUTDIR/modbus_server, OUTDIR/libmodbus_client and OUTDIR/limit_client;
# build.sh OUTDIR history_store makes OUTDIR/history_store; build.sh OUTDIR mqttjs puts mqtt.js and its client into OUTDIR/mqttjs.
set -euo pipefail

case "$#:${2:-}" in
1: | 2:history_store | 2:mqttjs) ;;
*)
    echo "usage: build.sh OUTDIR [history_store | mqttjs]" >&2
    exit 1
    ;;
esac
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"

if [ "${2:-}" = mqttjs ]; then
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        echo "build.sh: node or npm is missing (on Debian: apt-get install nodejs npm)" >&2
        exit 1
    fi
    mkdir -p "$out/mqttjs"
    cp mqttjs/package.json mqttjs/package-lock.json mqttjs/client.js "$out/mqttjs"
    # What was installed from this very list is not installed again.
    if ! cmp -s mqttjs/package-lock.json "$out/mqttjs/installed.json"; then
        (cd "$out/mqttjs" && npm ci --ignore-scripts --no-audit --no-fund)
        cp mqttjs/package-lock.json "$out/mqttjs/installed.json"
    fi
    exit 0
fi
if ! command -v cc >/dev/null; then
    echo "build.sh: there is no C compiler (cc)" >&2
    exit 1
fi
if [ "${2:-}" = history_store ]; then
    if ! printf '#include <sqlite3.h>\n#include <zstd.h>\n' | cc -fsyntax-only -x c - 2>/dev/null; then
        echo "build.sh: SQLite or zstd is missing (on Debian: apt-get install libsqlite3-dev libzstd-dev)" >&2
        exit 1
    fi
    cc -O2 -Wall -Wextra -o "$out/history_store" history_store.c -lsqlite3 -lzstd -lm
    exit 0
fi
# Without pkg-config the compiler's own search path must do.
libmodbus=(-lmodbus)
if command -v pkg-config >/dev/null && pkg-config --exists libmodbus; then
    read -ra libmodbus <<<"$(pkg-config --cflags --libs libmodbus)"
fi
if ! echo '#include <modbus/modbus.h>' | cc -fsyntax-only -x c - "${libmodbus[@]}" 2>/dev/null; then
    echo "build.sh: libmodbus is missing (on Debian: apt-get install libmodbus-dev)" >&2
    exit 1
fi

cc -O2 -Wall -Wextra -pthread -o "$out/modbus_server" modbus_server.c
cc -O2 -Wall -Wextra -pthread -o "$out/libmodbus_client" libmodbus_client.c "${libmodbus[@]}"
cc -O2 -Wall -Wextra -o "$out/limit_client" limit_client.c
