// mqtt.js beside Polder: subscribes to everything and counts, until the last topic comes. `client.js PORT QOS WAY`, where WAY is "blast",
// "paced" (payloads are the moment of sending) or "mosquitto" (the same, and it says when it is ready and counts its time from then on).
"use strict";
const mqtt = require("mqtt");

const [port, qos, way] = process.argv.slice(2);
let begun = performance.now();
let used = process.cpuUsage();
const delays = [];

function finish() {
    const seconds = (performance.now() - begun) / 1e3;
    const { user, system } = process.cpuUsage(used);
    delays.sort((one, other) => one - other);
    const share = (part) => Math.round(delays[Math.floor((delays.length - 1) * part)] ?? 0);
    const delay = { median: share(0.5), of_99_in_100: share(0.99), worst: share(1) };
    console.log(JSON.stringify({ seconds, cpu_seconds: (user + system) / 1e6, delay_micros: delay }));
    process.exit(0);
}

const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { clientId: "bench", keepalive: 600, reconnectPeriod: 0 });
client.on("error", (error) => {
    console.error(`mqtt.js: ${error.message}`);
    process.exit(1);
});
client.on("message", (topic, payload) => {
    if (way !== "blast") {
        delays.push((performance.timeOrigin + performance.now()) * 1e3 - Number(payload.toString()));
    }
    if (topic === "bench/z") {
        finish();
    }
});
client.on("connect", () => {
    client.subscribe("bench/#", { qos: Number(qos) }, () => {
        if (way === "mosquitto") {
            console.log("ready");
            begun = performance.now();
            used = process.cpuUsage();
        }
    });
});
