"""Reads an exported file as other programs do, and prints one JSON array a row.

Usage: read_export.py csv FILE [SEPARATOR] | parquet FILE

A double of a Parquet file is printed as the hexadecimal digits of its 64 bits, so that the last of them can be compared.
"""

import csv
import json
import struct
import sys


def rows(kind, path, separator=","):
    if kind == "csv":
        with open(path, newline="", encoding="utf-8-sig") as file:
            yield from csv.reader(file, delimiter=separator)
        return
    import duckdb

    columns = "epoch_us(time), tag, value, integer, text, quality, reason"
    for row in duckdb.sql(f"SELECT {columns} FROM read_parquet('{path}')").fetchall():
        time, tag, value, *rest = row
        yield [time, tag, None if value is None else struct.pack(">d", value).hex(), *rest]


for row in rows(*sys.argv[1:]):
    print(json.dumps(row))
