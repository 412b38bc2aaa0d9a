"""A listener of Sparkplug B with other people's decoder (Eclipse Tahu's for Python) and client (Eclipse Paho).

    sparkplug_host.py PORT GROUP NODE

It says on lines, as JSON, every message of that node: {"kind", "device", "seq", "metrics": [{"name", "alias", "type", "value", "null",
"historical", "timestamp", "unit", "quality"}, ...]}. It does what lines tell it, each one JSON:
    {"rebirth": true}
    {"set": {"device": name or null, "alias": number, "type": name, "value": value}}
    {"state": {"host": name, "online": true or false, "timestamp": milliseconds}}
"""

import json
import sys

import paho.mqtt.client as mqtt
from tahu import sparkplug_b as spb
from tahu import sparkplug_b_pb2 as wire

TYPES = {name: code for name, code in vars(spb.MetricDataType).items() if isinstance(code, int)}


def say(**what):
    print(json.dumps(what), flush=True)


def described(metric):
    properties = dict(zip(metric.properties.keys, metric.properties.values))
    which = metric.WhichOneof("value")
    return {
        "name": metric.name if metric.HasField("name") else None,
        "alias": metric.alias if metric.HasField("alias") else None,
        "type": metric.datatype,
        "value": getattr(metric, which) if which else None,
        "null": metric.is_null,
        "historical": metric.is_historical,
        "timestamp": metric.timestamp,
        "unit": properties["engUnit"].string_value if "engUnit" in properties else None,
        "quality": properties["Quality"].int_value if "Quality" in properties else None,
    }


class Host:
    def __init__(self, port, group, node):
        self.group, self.node = group, node
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = lambda *_: say(subscribed=True)
        self.client.on_message = self.on_message
        self.client.connect("127.0.0.1", port, keepalive=5)
        self.client.loop_start()

    def on_connect(self, client, *_):
        client.subscribe(f"spBv1.0/{self.group}/#", 1)

    def on_message(self, client, _, message):
        parts = message.topic.split("/")
        if parts[2].endswith("CMD") or parts[3] != self.node:
            return
        payload = wire.Payload()
        payload.ParseFromString(message.payload)
        say(
            kind=parts[2],
            device=parts[4] if len(parts) > 4 else None,
            seq=payload.seq if payload.HasField("seq") else None,
            qos=message.qos,
            retain=bool(message.retain),
            metrics=[described(metric) for metric in payload.metrics],
        )

    def do(self, told):
        if "state" in told:
            state = told["state"]
            text = json.dumps({"online": state["online"], "timestamp": state["timestamp"]})
            self.client.publish(f"spBv1.0/STATE/{state['host']}", text, qos=1, retain=True)
            return
        payload = wire.Payload()
        device = None
        if "rebirth" in told:
            spb.addMetric(payload, "Node Control/Rebirth", None, TYPES["Boolean"], True)
        else:
            wish = told["set"]
            device = wish["device"]
            spb.addMetric(payload, "", wish["alias"], TYPES[wish["type"]], wish["value"])
        levels = ["spBv1.0", self.group, "DCMD" if device else "NCMD", self.node] + ([device] if device else [])
        self.client.publish("/".join(levels), payload.SerializeToString(), qos=0, retain=False)


def main():
    host = Host(int(sys.argv[1]), *sys.argv[2:4])
    for line in sys.stdin:
        host.do(json.loads(line))


main()
