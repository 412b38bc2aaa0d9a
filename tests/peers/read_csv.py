"""Reads an exported CSV with Python's own csv module and prints what it says as JSON, floats by their bits.

    read_csv.py FILE KINDS      KINDS: a JSON list, the kind of the value of each line
"""

import csv
import datetime
import json
import struct
import sys


def bits(kind, text):
    if kind == "double":
        return struct.pack(">d", float(text)).hex()
    if kind == "single":
        return struct.pack(">f", float(text)).hex()
    return str(int(text)) if kind == "integer" else text


def micros(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)


with open(sys.argv[2], encoding="utf-8") as file:
    kinds = json.load(file)
with open(sys.argv[1], encoding="utf-8", newline="") as file:
    reader = csv.reader(file, strict=True)
    assert next(reader) == ["time", "tag", "value", "quality", "reason"]
    lines = list(reader)
assert len(lines) == len(kinds), f"{len(lines)} lines, {len(kinds)} samples"
json.dump(
    [
        [micros(time), tag, kind, bits(kind, value), quality, reason]
        for (time, tag, value, quality, reason), kind in zip(lines, kinds)
    ],
    sys.stdout,
)
