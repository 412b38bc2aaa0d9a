"""Counts what arrives at an interface, for Polder's tests: what goes through a tunnel, and what goes around it.

Usage: packets.py INTERFACE TUNNEL_PORT

Standard input takes a number of seconds a line; after that time it prints {"tunnel": 12, "around": 0, "last": null}, counted since its start.
"tunnel" counts UDP packets of the tunnel's port, "around" every other packet but those that kernels send by themselves (ARP, ICMP, ICMPv6,
multicast of IPv6); "last" is the last of these in words.
"""

import json
import select
import socket
import struct
import sys
import time

ETHERNET, ANY = 14, 0x0003


def packet_words(frame):
    kind = struct.unpack("!H", frame[12:14])[0]
    if kind == 0x0800 and frame[ETHERNET + 9] != 1:
        header = frame[ETHERNET:]
        length = (header[0] & 15) * 4
        addresses = [socket.inet_ntoa(header[at : at + 4]) for at in (12, 16)]
        ports = struct.unpack("!HH", header[length : length + 4]) if header[9] in (6, 17) else (0, 0)
        return header[9], ports, f"protocol {header[9]} {addresses[0]}:{ports[0]} > {addresses[1]}:{ports[1]}"
    if kind == 0x86DD and frame[ETHERNET + 6] != 58 and frame[ETHERNET + 24] != 0xFF and frame[ETHERNET + 6] != 0:
        return frame[ETHERNET + 6], (0, 0), f"IPv6, protocol {frame[ETHERNET + 6]}"
    return None


def main():
    interface, port = sys.argv[1], int(sys.argv[2])
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ANY))
    wire.bind((interface, 0))
    counts = {"tunnel": 0, "around": 0, "last": None}
    due = None
    while True:
        readable, _, _ = select.select([wire, sys.stdin], [], [], None if due is None else max(due - time.monotonic(), 0))
        if due is not None and time.monotonic() >= due:
            print(json.dumps(counts), flush=True)
            due = None
        if sys.stdin in readable:
            line = sys.stdin.readline()
            if not line:
                return
            due = time.monotonic() + float(line)
        if wire not in readable:
            continue
        try:
            frame, origin = wire.recvfrom(65535)
        except OSError:  # the interface is being taken away
            return
        # What this side sends is not of interest.
        seen = packet_words(frame) if origin[2] != socket.PACKET_OUTGOING else None
        if seen is None:
            continue
        protocol, ports, words = seen
        if protocol == 17 and port in ports:
            counts["tunnel"] += 1
        else:
            counts["around"] += 1
            counts["last"] = words


main()
