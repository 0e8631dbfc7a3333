#!/usr/bin/env python3
"""Cuts the packets for size-probe out of the captures, each with the sum of all that another collectd read in it."""

import pathlib
import struct
import sys

captures = pathlib.Path("tests/data/captures")
out = pathlib.Path(sys.argv[1])


def table(name):
    with open(captures / name, encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def payload(capture, frame):
    data = (captures / f"{capture}.pcap").read_bytes()
    place = 24
    for _ in range(frame - 1):
        place += 16 + struct.unpack_from("<I", data, place + 8)[0]
    length = struct.unpack_from("<I", data, place + 8)[0]
    # Ethernet, IPv4 without options, UDP.
    return data[place + 16 + 14 + 20 + 8:place + 16 + length]


def records(capture, frame):
    """What is in the packet of this frame: the truth has the lines of all packets in their order."""
    place = 0
    for number, _, length, lists, _, notifications, _ in table(f"{capture}.packets.tsv")[1:]:
        count = int(lists) + int(notifications)
        if int(number) == frame:
            return int(length), table(f"{capture}.truth.tsv")[place:place + count]
        place += count


def total(record):
    """As `sum` in size-probe: the lengths of the names, and the values' bits."""
    return sum(len(name) for name in record[1:6]) + sum(int(value[2:], 16) for value in record[11:])


def write(name, packet, kept):
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "packet").write_bytes(packet)
    (folder / "sum").write_bytes((sum(map(total, kept)) % 2**64).to_bytes(8, "little"))
    # What the table of replays knows.
    (folder / "earlier").write_bytes(payload("encrypted", 67))


# Full packets of 29 value lists, of alice if of a user; names fit into the copies.
for name, capture, frame in ("plain", "plain-ipv4", 46), ("signed", "signed", 29), ("encrypted", "encrypted", 5):
    packet = payload(capture, frame)
    length, found = records(capture, frame)
    assert len(packet) == length and len(found) == 29 and all(record[0] == "V" for record in found)
    write(name, packet, found)
    if name == "plain":
        write("filtered", packet, [record for record in found if "alpha" in record[1] and record[2] == "vmem"])
