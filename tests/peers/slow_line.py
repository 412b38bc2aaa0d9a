"""One end of a slow line between two networks, for Polder's tests: packets leave late, one after the other, and some not at all.

Usage: slow_line.py INTERFACE OWN_SOCKET OTHER_SOCKET DELAY_MILLIS BITS_A_SECOND LOSS_PERCENT

INTERFACE is a TUN interface that is there. What is sent into it comes out of that of the other end, which runs in another namespace; the two
speak over the two paths of datagram sockets. Which packets are lost is the same at each run (the seed is the interface's name). It prints
{"ready": true}.
"""

import asyncio
import fcntl
import json
import os
import random
import socket
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
# Packets that wait for the line beyond this many seconds are dropped, as a modem does.
LONGEST_QUEUE = 4.0


async def main():
    interface, own, other = sys.argv[1:4]
    delay, rate, loss = float(sys.argv[4]) / 1000, float(sys.argv[5]), float(sys.argv[6]) / 100
    chance = random.Random(interface)
    tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tunnel, TUNSETIFF, struct.pack("16sH", interface.encode(), IFF_TUN | IFF_NO_PI))
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    wire.setblocking(False)
    wire.bind(own)
    loop = asyncio.get_running_loop()
    free_at = loop.time()

    def arrive():
        os.write(tunnel, wire.recv(65535))

    def deliver(packet):
        try:
            wire.sendto(packet, other)
        except OSError:  # the other end is not there
            pass

    def send():
        nonlocal free_at
        packet = os.read(tunnel, 65535)
        now = loop.time()
        if max(free_at - now, 0) > LONGEST_QUEUE:
            return
        free_at = max(free_at, now) + len(packet) * 8 / rate
        if chance.random() >= loss:
            loop.call_at(free_at + delay, deliver, packet)

    loop.add_reader(wire, arrive)
    loop.add_reader(tunnel, send)
    print(json.dumps({"ready": True}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
