"""Publishes numbered messages over one session, for Polder's tests.

Usage: numbered_publisher.py PORT LAST

Standard input takes a line {"topic": "a", "qos": 2, "count": 100}: so many more numbers go to that topic, each after the one before,
the first behind LAST. For every line it prints {"topic": "a", "last": 100} when the broker has confirmed them all.
"""

import json
import queue
import sys
import threading

import paho.mqtt.client as mqtt

IN_FLIGHT = 20


class Publisher:
    def __init__(self, port, last):
        self.before = last
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="numbers", clean_session=True)
        self.client.max_inflight_messages_set(IN_FLIGHT)
        self.client.max_queued_messages_set(0)
        self.client.reconnect_delay_set(min_delay=1, max_delay=1)
        # Without a connection the client keeps them for the next one.
        self.confirmed = threading.Condition()
        self.confirmed_ids = set()
        self.client.on_publish = self.on_publish
        self.client.connect("127.0.0.1", port, keepalive=5)
        self.client.loop_start()
        self.last = {}

    def on_publish(self, client, userdata, mid, reason, properties):
        with self.confirmed:
            self.confirmed_ids.add(mid)
            self.confirmed.notify_all()

    def publish(self, order):
        topic, first = order["topic"], self.last.get(order["topic"], self.before) + 1
        last = first + order["count"] - 1
        self.last[topic] = last
        sent = [self.client.publish(topic, str(number), qos=order["qos"]) for number in range(first, last + 1)]
        with self.confirmed:
            self.confirmed.wait_for(lambda: self.confirmed_ids.issuperset(message.mid for message in sent))
            self.confirmed_ids.difference_update(message.mid for message in sent)
            # In one piece: other topics have threads of their own.
            sys.stdout.write(json.dumps({"topic": topic, "last": last}) + "\n")
            sys.stdout.flush()


def work(publisher, orders):
    while (order := orders.get()) is not None:
        publisher.publish(order)


def main():
    publisher = Publisher(int(sys.argv[1]), int(sys.argv[2]))
    workers = {}
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["topic"] not in workers:
            workers[order["topic"]] = queue.Queue()
            threading.Thread(target=work, args=(publisher, workers[order["topic"]]), daemon=True).start()
        workers[order["topic"]].put(order)


if __name__ == "__main__":
    main()
