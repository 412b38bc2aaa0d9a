"""A Modbus server by other people (pymodbus) for Polder's tests.

Usage:
  modbus_server.py tcp PORT
  modbus_server.py rtu-tcp PORT                                   RTU frames over TCP
  modbus_server.py tls PORT CERT KEY CA [--role-needed OID|none]  Modbus/TCP Security, TLS 1.2 or newer; clients need a certificate of CA
  modbus_server.py serial PATH                                    RTU, 19200 baud, no parity, one stop bit
With --host a socket listens at that address; at 127.0.0.1 without.

Functions 1-6, 8, 15, 16, 22, 23 and 43/14. Units 1 to 8 have 1000 registers or bits of each kind, each unit its own. A request to any other
unit stays without an answer. With --role-needed, a client whose certificate lacks that extension is answered with exception 1.

Standard input takes one JSON command a line, standard output gives one JSON object a line:
  {"set": {"table": "holding", "address": 0, "values": [1, 2]}}   registers or bits that the server holds; with "unit": 3 in that unit alone
  {"delay": 1.5}                                                  seconds before each answer from now on
  {"refuse": [100]}                                               addresses that are answered with exception 2
  {"keep": [40]}                                                  addresses whose writes are confirmed and ignored
  {"units": [1, 2]}                                               the units that answer at all from now on
  {"exception": {"code": 4, "addresses": [7], "functions": [3]}}  requests that are answered with this exception: that touch one of the
                                                                  addresses, by one of the functions; a missing list means all; null ends it
  {"identity": {"vendor": "Noord", "revision": "1.5"}}            what function 43/14 tells: vendor, product, revision, url, name, model
                                                                  and application; the same for all units
  {"drop": true}                                                  closes all connections now; not on a serial line
It prints {"ready": true}, {"done": ...} after each command ({"error": ...} when that went wrong), {"read": ...} and {"write": ...} for each
request that was carried out, {"diagnostic": ...} for function 8 and {"identify": ...} for 43/14, all with "unit" inside when that is not 1,
and {"client": ...} or {"refused": ...} for each client that came through TLS.

Limits of pymodbus: a connection has one request at a time (of requests that arrive together only the first is answered), a function that it
does not know is answered with function 128 and exception 1, and the identity is one for all units.
"""

import argparse
import asyncio
import asyncio.sslproto
import json
import ssl
import sys
from functools import partial

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.pdu import ExceptionResponse
from pymodbus.pdu.device import ModbusControlBlock
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

SIZE = 1000
UNITS = range(1, 9)
READS = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
WRITES = {5: "coil", 6: "holding", 15: "coil", 16: "holding", 22: "holding", 23: "holding"}
TABLES = READS | WRITES
# The extension that carries the role of a client in Modbus/TCP Security.
ROLE = "1.3.6.1.4.1.50316.802.1"

memory = {
    unit: {"coil": [False] * SIZE, "discrete": [False] * SIZE, "holding": [0] * SIZE, "input": [0] * SIZE}
    for unit in UNITS
}
state = {
    "delay": 0.0,
    "refuse": set(),
    "keep": set(),
    "units": set(UNITS),
    "exception": None,
    "role_needed": None,
    "requests": 0,
}
OBJECTS = {"vendor": 0, "product": 1, "revision": 2, "url": 3, "name": 4, "model": 5, "application": 6}
identity = ModbusControlBlock().Identity


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def identify(objects):
    for name, text in objects.items():
        identity[OBJECTS[name]] = text


async def action(unit, function, start, address, count, current, values):
    """Called by pymodbus when it reads (`values` is None) or writes; serves from `memory`."""
    table = memory[unit][TABLES[function]]
    if values is not None:
        new = [bool(v) if isinstance(table[0], bool) else int(v) for v in values]
        where = {} if unit == 1 else {"unit": unit}
        say({"write": {"function": function, "address": address, "values": new} | where})
        if address in state["keep"]:
            values[:] = table[address : address + len(new)]
        else:
            table[address : address + len(new)] = new
    elif isinstance(table[0], bool):
        # pymodbus keeps bits in 16-bit words, the first one lowest.
        for word in range(len(current)):
            first = (start + word) * 16
            bits = table[first : first + 16]
            current[word] = sum(1 << i for i, bit in enumerate(bits) if bit)
    else:
        place = address - start
        current[place : place + count] = table[address : address + count]
    return None


def touched(request):
    """The addresses that a request reads or writes, as ranges."""
    function = request.function_code
    if function == 23:
        parts = [(request.write_address, request.write_count), (request.read_address, request.read_count)]
    elif function in (5, 6, 22):
        parts = [(request.address, 1)]
    elif function in TABLES:
        parts = [(request.address, request.count)]
    else:
        parts = []
    return [range(address, address + count) for address, count in parts]


def refusal(handler, request):
    """The exception that a request is answered with instead of being carried out, or None."""
    if state["role_needed"] and extension(certificate(handler), state["role_needed"]) is None:
        return ExcCodes.ILLEGAL_FUNCTION
    ranges = touched(request)
    wanted = state["exception"]
    if wanted is not None:
        function = request.function_code in wanted.get("functions", [request.function_code])
        address = "addresses" not in wanted or any(a in r for a in wanted["addresses"] for r in ranges)
        if function and address:
            return wanted["code"]
    if any(r.stop > SIZE for r in ranges) or any(a in r for a in state["refuse"] for r in ranges):
        return ExcCodes.ILLEGAL_ADDRESS
    return None


async def answer(handler, request, carry_out, context, unit):
    """Takes the place of pymodbus's own way to carry out a request, and mostly calls it."""
    state["requests"] += 1
    if state["delay"]:
        await asyncio.sleep(state["delay"])
    function = request.function_code
    code = refusal(handler, request)
    if code is not None:
        return ExceptionResponse(function, code)
    sent = list(request.bits), list(request.registers)
    response = await carry_out(context, unit)
    where = {} if unit == 1 else {"unit": unit}
    if response.isError():
        pass
    elif function in (5, 6):
        # pymodbus answers with what it holds now; a device that keeps its own value confirms what was sent.
        response.bits, response.registers = sent
    elif function in READS or function == 23:
        read = touched(request)[-1]
        say({"read": {"function": function, "address": read.start, "count": len(read)} | where})
    elif function == 8:
        data = request.message.hex() if isinstance(request.message, bytes) else request.message
        say({"diagnostic": {"function": request.sub_function_code, "data": data} | where})
    elif function == 43:
        say({"identify": {"code": request.read_code, "object": request.object_id} | where})
    return response


def arrived(handler, sending, pdu):
    """Called by pymodbus for each request and answer; a request for which this gives None gets no answer."""
    if sending:
        return pdu
    if pdu.dev_id not in state["units"]:
        return None
    pdu.datastore_update = partial(answer, handler, pdu, pdu.datastore_update)
    return pdu


def certificate(handler):
    return handler.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)


def extension(der, oid):
    """The text in an extension of a certificate, or None. Python cannot name extensions, but they are easy to find."""
    first, second, *others = (int(part) for part in oid.split("."))
    encoded = bytes([first * 40 + second])
    for number in others:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.insert(0, number & 0x7F | 0x80)
        encoded += bytes(digits)
    _, found, rest = der.partition(bytes([6, len(encoded)]) + encoded)
    if not found:
        return None
    if rest[0] == 1:  # it is marked as critical
        rest = rest[3:]
    # An octet string with a string in it.
    return rest[4 : 4 + rest[3]].decode()


def came_in(handler, connected):
    if connected:
        secure = handler.transport.get_extra_info("ssl_object")
        names = dict(pair for part in secure.getpeercert()["subject"] for pair in part)
        role = extension(certificate(handler), ROLE)
        say({"client": {"name": names.get("commonName"), "role": role, "version": secure.version()}})


def tell_why_a_handshake_failed():
    """asyncio closes the connection and keeps the alert to itself; devices send it, and a client should understand it."""
    protocol = asyncio.sslproto.SSLProtocol
    complete = protocol._on_handshake_complete

    def with_alert(self, error):
        if error is not None:
            self._process_outgoing()
            why = getattr(error, "verify_message", None) or getattr(error, "reason", None) or repr(error)
            say({"refused": why})
        complete(self, error)

    protocol._on_handshake_complete = with_alert


def carry_out(server, command):
    if "set" in command:
        entry = command["set"]
        values, address = entry["values"], entry["address"]
        if not 0 <= address <= SIZE - len(values):
            raise ValueError(f"addresses go to {SIZE - 1}")
        for unit in [entry["unit"]] if "unit" in entry else UNITS:
            memory[unit][entry["table"]][address : address + len(values)] = values
    for key in ("refuse", "keep", "units"):
        if key in command:
            state[key] = set(command[key])
    for key in ("delay", "exception"):
        if key in command:
            state[key] = command[key]
    identify(command.get("identity", {}))
    if command.get("drop"):
        if isinstance(server, ModbusSerialServer):
            raise ValueError("a serial line has no connection to drop")
        for handler in list(server.active_connections.values()):
            handler.close()


async def commands(server):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            command = json.loads(line)
            carry_out(server, command)
            say({"done": command, "requests": state["requests"]})
        except Exception as error:  # a test must see it and not wait in vain
            say({"error": repr(error)})


def arguments():
    parser = argparse.ArgumentParser()
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind in ("tcp", "rtu-tcp", "tls"):
        kinds.add_parser(kind).add_argument("port", type=int)
        kinds.choices[kind].add_argument("--host", default="127.0.0.1")
    kinds.add_parser("serial").add_argument("path")
    for name in ("cert", "key", "ca"):
        kinds.choices["tls"].add_argument(name)
    kinds.choices["tls"].add_argument("--role-needed", default="none", metavar="OID|none")
    return parser.parse_args()


def make(given, devices):
    if given.kind == "serial":
        line = {"baudrate": 19200, "bytesize": 8, "parity": "N", "stopbits": 1}
        return ModbusSerialServer(devices, framer=FramerType.RTU, port=given.path, **line)
    address = (given.host, given.port)
    if given.kind == "tcp":
        return ModbusTcpServer(devices, address=address)
    if given.kind == "rtu-tcp":
        return ModbusTcpServer(devices, framer=FramerType.RTU, address=address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(given.cert, given.key)
    context.load_verify_locations(given.ca)
    if given.role_needed.lower() != "none":
        state["role_needed"] = given.role_needed
    tell_why_a_handshake_failed()
    # pymodbus's own framer for TLS takes whatever comes in at once for one request; this one looks at the length.
    return ModbusTlsServer(devices, framer=FramerType.SOCKET, address=address, sslctx=context)


async def main():
    given = arguments()
    identify({"vendor": "Noord", "product": "PX-7", "revision": "1.4"})
    identify({"url": "https://noord.example", "name": "Noord pump controller", "model": "PX-7/230"})

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
            action=partial(action, unit),
        )
        for unit in UNITS
    ]
    server = make(given, devices)
    new_connection = server.callback_new_connection

    def with_hooks():
        handler = new_connection()
        handler.trace_pdu = partial(arrived, handler)
        if given.kind == "tls":
            handler.trace_connect = partial(came_in, handler)
        return handler

    server.callback_new_connection = with_hooks
    listening = asyncio.create_task(commands(server))
    say({"ready": True})
    await server.serve_forever()
    listening.cancel()


asyncio.run(main())
