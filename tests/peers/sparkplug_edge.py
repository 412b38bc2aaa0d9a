"""An edge node of Sparkplug B with other people's encoder (Eclipse Tahu's for Python) and client (Eclipse Paho).

    sparkplug_edge.py PORT [GROUP NODE] [as-tahu]

It says on lines what it hears, as JSON: {"connected"}, {"command": {...}}, {"state": {...}}. It does what lines tell it, each one JSON:
    {"birth": {"metrics": [[name, alias, type, value, unit?], ...], "devices": {"pump": [[...], ...]}}}
    {"data": {"device": name or null, "metrics": [[alias or name, type, value, "historical"?, age_ms?], ...]}}
    {"swap": [data, data]}     two messages in the wrong order
    {"skip": true}             a number is left out
    {"death": "pump"}          a device is gone
With as-tahu its deaths and births carry the numbers that Tahu's own helpers give them.
It answers requests for a birth by itself. When it is killed, the broker publishes its death.
"""

import json
import sys
import threading

import paho.mqtt.client as mqtt
from tahu import sparkplug_b as spb
from tahu import sparkplug_b_pb2 as wire

NAMESPACE = "spBv1.0"
TYPES = {name: code for name, code in vars(spb.MetricDataType).items() if isinstance(code, int)}
WIDTHS = {"Int8": 32, "Int16": 32, "Int32": 32, "Int64": 64}


def say(**what):
    print(json.dumps(what), flush=True)


class EdgeNode:
    def __init__(self, port, group, node, as_tahu):
        self.group, self.node = group, node
        self.lock = threading.Lock()
        self.declared = None
        try:
            self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"{group}-{node}")
        except AttributeError:
            self.client = mqtt.Client(client_id=f"{group}-{node}")
        # Tahu's birth carries the number after that of the death; ours carries the same one, as the specification wants it.
        death = spb.getNodeDeathPayload()
        self.session = None if as_tahu else death.metrics[0].long_value
        self.client.will_set(self.topic("NDEATH"), death.SerializeToString(), qos=1, retain=False)
        self.client.on_connect = self.on_connect
        self.client.on_message = self.on_message
        self.client.connect("127.0.0.1", port, keepalive=5)
        self.client.loop_start()

    def topic(self, kind, device=None):
        return "/".join([NAMESPACE, self.group, kind, self.node] + ([device] if device else []))

    def on_connect(self, client, *_):
        client.subscribe([(self.topic("NCMD"), 1), (self.topic("DCMD", "+"), 1), (f"{NAMESPACE}/STATE/+", 1)])
        say(connected=True)

    def on_message(self, client, _, message):
        parts = message.topic.split("/")
        if parts[1] == "STATE":
            say(state={"host": parts[2], "retain": bool(message.retain), **json.loads(message.payload)})
            return
        payload = wire.Payload()
        payload.ParseFromString(message.payload)
        metric = payload.metrics[0]
        say(command={
            "topic": message.topic,
            "qos": message.qos,
            "retain": bool(message.retain),
            "has_seq": payload.HasField("seq"),
            "timestamp": payload.timestamp,
            "name": metric.name if metric.HasField("name") else None,
            "alias": metric.alias if metric.HasField("alias") else None,
            "type": metric.datatype,
            "value": getattr(metric, metric.WhichOneof("value")),
        })
        if metric.name == "Node Control/Rebirth" and metric.boolean_value:
            with self.lock:
                self.birth()

    def publish(self, kind, payload, device=None):
        self.client.publish(self.topic(kind, device), payload.SerializeToString(), qos=0, retain=False)

    def add(self, payload, name, alias, kind, value, rest=()):
        if value is None:
            return spb.addNullMetric(payload, name, alias, TYPES[kind])
        if kind in WIDTHS:
            # The encoder wants two's complement.
            value &= (1 << WIDTHS[kind]) - 1
        return spb.addMetric(payload, name, alias, TYPES[kind], value)

    def birth(self):
        if self.declared is None:
            return
        payload = spb.getNodeBirthPayload()
        if self.session is not None:
            payload.metrics[0].long_value = self.session
        spb.addMetric(payload, "Node Control/Rebirth", None, spb.MetricDataType.Boolean, False)
        self.declare(payload, self.declared["metrics"])
        self.publish("NBIRTH", payload)
        for device, metrics in self.declared.get("devices", {}).items():
            payload = spb.getDeviceBirthPayload()
            self.declare(payload, metrics)
            self.publish("DBIRTH", payload, device)

    def declare(self, payload, metrics):
        for name, alias, kind, value, *unit in metrics:
            metric = self.add(payload, name, alias, kind, value)
            if unit:
                metric.properties.keys.append("engUnit")
                held = metric.properties.values.add()
                held.type, held.string_value = TYPES["String"], unit[0]

    def data(self, told):
        payload = spb.getDdataPayload()
        for which, kind, value, *rest in told["metrics"]:
            name, alias = (which, None) if isinstance(which, str) else (None, which)
            metric = self.add(payload, name, alias, kind, value)
            if rest:
                metric.is_historical = rest[0] == "historical"
                metric.timestamp -= rest[1]
        device = told.get("device")
        return ("DDATA" if device else "NDATA"), payload, device

    def do(self, told):
        with self.lock:
            if "birth" in told:
                self.declared = told["birth"]
                self.birth()
            elif "data" in told:
                self.publish(*self.data(told["data"]))
            elif "swap" in told:
                for message in reversed([self.data(one) for one in told["swap"]]):
                    self.publish(*message)
            elif "skip" in told:
                spb.getSeqNum()
            elif "death" in told:
                self.publish("DDEATH", spb.getDdataPayload(), told["death"])
            else:
                raise ValueError(f"what is {told}?")


def main():
    port, *names = sys.argv[1:]
    as_tahu = "as-tahu" in names
    group, node = [name for name in names if name != "as-tahu"] or ("north", "edge")
    edge = EdgeNode(int(port), group, node, as_tahu)
    for line in sys.stdin:
        edge.do(json.loads(line))


main()
