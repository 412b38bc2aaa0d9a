#!/usr/bin/env bash
# Builds the rivals of Polder's benchmarks: build.sh OUTDIR makes OUTDIR/modbus_server, OUTDIR/libmodbus_client and OUTDIR/limit_client;
# build.sh OUTDIR history_store makes OUTDIR/history_store.
set -euo pipefail

[ $# = 1 ] || [ "$#:${2:-}" = "2:history_store" ] || { echo "usage: build.sh OUTDIR [history_store]" >&2; exit 1; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"

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
