"""A Modbus server by other people (pymodbus) for Polder's tests.

Usage: modbus_server.py tcp PORT | modbus_server.py serial PATH
Standard input takes one JSON command a line, standard output gives one JSON object a line:
  {"set": {"table": "holding", "address": 0, "values": [1, 2]}}   registers or bits that the server holds
  {"delay": 1.5}                                                  seconds before each answer from now on
  {"refuse": [100]}                                               addresses that are answered with exception 2
  {"keep": [40]}                                                  addresses whose writes are confirmed and ignored
It prints {"ready": true}, {"done": ...} after each command, {"read": ...} and {"write": ...} for each request.
"""

import asyncio
import json
import sys

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import StartAsyncSerialServer, StartAsyncTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

SIZE = 1000
TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input", 5: "coil", 6: "holding", 15: "coil", 16: "holding"}
WRITES = {5, 6, 15, 16}

state = {
    "coil": [False] * SIZE,
    "discrete": [False] * SIZE,
    "holding": [0] * SIZE,
    "input": [0] * SIZE,
    "delay": 0.0,
    "refuse": set(),
    "keep": set(),
    "requests": 0,
}


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def action(function, start, address, count, current, values):
    """Called by pymodbus for each request; serves from `state`."""
    state["requests"] += 1
    if state["delay"]:
        await asyncio.sleep(state["delay"])
    if any(address <= refused < address + count for refused in state["refuse"]):
        return ExcCodes.ILLEGAL_ADDRESS
    table = state[TABLES[function]]
    if function in WRITES and values is not None:
        new = [bool(v) if isinstance(table[0], bool) else int(v) for v in values]
        say({"write": {"function": function, "address": address, "values": new}})
        if address in state["keep"]:
            values[:] = table[address : address + len(new)]
        else:
            table[address : address + len(new)] = new
    else:
        if function not in WRITES:
            say({"read": {"function": function, "address": address, "count": count}})
        place = address - start
        if isinstance(table[0], bool):
            # pymodbus keeps bits in 16-bit words, the first one lowest.
            for word in range(len(current)):
                first = (start + word) * 16
                bits = table[first : first + 16]
                current[word] = sum(1 << i for i, bit in enumerate(bits) if bit)
        else:
            current[place : place + count] = table[address : address + count]
    return None


async def commands():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        if "set" in command:
            entry = command["set"]
            values, address = entry["values"], entry["address"]
            state[entry["table"]][address : address + len(values)] = values
        for key in ("refuse", "keep"):
            if key in command:
                state[key] = set(command[key])
        if "delay" in command:
            state["delay"] = command["delay"]
        say({"done": command, "requests": state["requests"]})


async def main():
    def block(datatype, value, count):
        return [SimData(0, count=count, values=value, datatype=datatype)]

    devices = [
        SimDevice(
            unit,
            simdata=(
                block(DataType.BITS, False, SIZE),
                block(DataType.BITS, False, SIZE),
                block(DataType.REGISTERS, 0, SIZE),
                block(DataType.REGISTERS, 0, SIZE),
            ),
            action=action,
        )
        for unit in (1, 2)
    ]
    kind, where = sys.argv[1], sys.argv[2]
    listening = asyncio.create_task(commands())
    say({"ready": True})
    if kind == "tcp":
        await StartAsyncTcpServer(devices, address=("127.0.0.1", int(where)))
    else:
        await StartAsyncSerialServer(
            devices, framer=FramerType.RTU, port=where, baudrate=19200, bytesize=8, parity="N", stopbits=1
        )
    listening.cancel()


asyncio.run(main())
