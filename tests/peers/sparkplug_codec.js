// Payloads of Sparkplug B by somebody else's encoder for JavaScript (npm: sparkplug-payload).
//
//     NODE_PATH=target/peers/npm/node_modules node sparkplug_codec.js
//
// Each line is one JSON: {"encode": payload} is answered {"hex": "..."}, {"decode": "..."} is answered {"payload": ...}. Integers of 64 bits are
// text where they are larger than JavaScript's numbers.

"use strict";

const readline = require("node:readline");
const Long = require("long");
const codec = require("sparkplug-payload").get("spBv1.0");

const isWide = (type) => ["Int64", "UInt64", "DateTime"].includes(type);

function prepared(metric) {
    const { type, value } = metric;
    if (typeof value === "string" && isWide(type)) {
        return { ...metric, value: Long.fromString(value, type !== "Int64") };
    }
    if (type === "Template") {
        return { ...metric, value: { ...value, metrics: value.metrics.map(prepared) } };
    }
    return metric;
}

function plain(key, value) {
    return Long.isLong(value) ? value.toString() : value;
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
    const told = JSON.parse(line);
    if ("encode" in told) {
        const payload = { ...told.encode, metrics: (told.encode.metrics ?? []).map(prepared) };
        const hex = Buffer.from(codec.encodePayload(payload)).toString("hex");
        console.log(JSON.stringify({ hex }));
    } else {
        const payload = codec.decodePayload(Buffer.from(told.decode, "hex"));
        console.log(JSON.stringify({ payload }, plain));
    }
});
