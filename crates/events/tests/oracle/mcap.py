#!/usr/bin/env python3
"""Count and checksum of ROS 2's sample, of packets in encoding libcaer_cmp, read by the standard library alone.

usage: mcap.py FOLDER

Prints events, brighter ones, first and last time, and the checksum of t, x, y, p in the order of the file:
c <- 1000003 c + 31 t + 7 x + 3 y + p modulo 2^64.
"""

import pathlib
import struct
import sys


def messages(data):
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<BQ", data, at)
        body = data[at + 9 : at + 9 + length]
        at += 9 + length
        if kind == 6:
            (n,) = struct.unpack_from("<I", body, 28)
            assert n == 0  # not compressed
            yield from messages(body[40:])
        elif kind == 5:
            yield body[26:]


def text(m, at):
    (n,) = struct.unpack_from("<I", m, at)
    return m[at + 4 : at + 4 + n], at + 4 + n


def up(at, size):
    return -(-at // size) * size


data = (pathlib.Path(sys.argv[1]) / "ros_evt3_events.mcap").read_bytes()[8:-8]
count = on = c = 0
first = None
x = base_y = pol = 0
for m in messages(data):
    _, at = text(m, 8)
    h, w = struct.unpack_from("<II", m, up(at, 4))
    number, base = struct.unpack_from("<QQ", m, up(up(at, 4) + 8, 8))
    encoding, at = text(m, up(up(at, 4) + 8, 8) + 16)
    assert encoding == b"libcaer_cmp\0" and m[at] == 0
    events, at = text(m, up(at + 1, 4))
    assert at == len(m)
    high = low = 0
    for (word,) in struct.iter_unpack("<H", events):
        kind, rest = word >> 12, word & 0xFFF
        new = []
        if kind == 0:
            high = rest << 12
        elif kind == 1:
            low = rest
        elif kind == 2:
            x = rest & 0x7FF
        elif kind == 3:
            new = [(rest & 0x7FF, rest >> 11)]
        elif kind == 4:
            base_y, pol = rest & 0x7FF, rest >> 11
        elif kind == 5:
            new = [(base_y + i, pol) for i in range(8) if rest >> i & 1]
            base_y += 8
        for y, p in new:
            assert x < w and y < h
            t = base // 1000 + (high | low)
            first = t if first is None else first
            count, on = count + 1, on + p
            c = (c * 1000003 + 31 * t + 7 * x + 3 * y + p) & (2**64 - 1)
print(f"{count} {on} {first} {t} {c:016x}")
