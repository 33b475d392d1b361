"""Repeats a recording of a camera until it is long, times going on: what is timed has the structure that a camera gave it.

    python3 repeat.py IN OUT [MIB]

IN is a file of EVT 2.0, EVT 3.0, DAT, Event Stream or AEDAT 4.0, which its first bytes tell; OUT has at least MIB (64).
Needs NumPy, and the module lz4 for AEDAT 4.0, of which packets are unpacked, moved in time and packed as they were:
in dependent blocks.
"""

import struct
import sys

import numpy as np


def header(data):
    """Bytes of the lines that begin with %."""
    place = 0
    while data[place : place + 1] == b"%":
        end = data.index(b"\n", place)
        line = data[place + 1 : end].strip()
        place = end + 1
        if line == b"end":
            break
    return place


def evt2(head, body, least):
    words = np.frombuffer(body[: len(body) // 4 * 4], "<u4")
    high = words >> 28 == 8
    values = words[high] & 0x0FFFFFFF
    span = int(values[-1]) - int(values[0]) + 1
    yield head
    for i in range(-(-least // len(body))):
        out = words.copy()
        out[high] = 8 << 28 | (values + np.uint32(i * span)) & 0x0FFFFFFF
        yield out.tobytes()


def evt3(head, body, least):
    words = np.frombuffer(body[: len(body) // 2 * 2], "<u2")
    high = words >> 12 == 8
    values = (words[high] & 0xFFF).astype(np.int64)
    span = int(np.unwrap(values, period=4096)[-1] - values[0]) + 1
    yield head
    for i in range(-(-least // len(body))):
        out = words.copy()
        out[high] = (8 << 12 | (values + i * span) & 0xFFF).astype("<u2")
        yield out.tobytes()


def dat(head, body, least):
    records = np.frombuffer(body[2 : 2 + len(body[2:]) // 8 * 8], "<u4").reshape(-1, 2)
    span = int(records[-1, 0]) - int(records[0, 0]) + 1
    yield head + body[:2]
    for i in range(-(-least // len(body))):
        out = records.copy()
        out[:, 0] += np.uint32(i * span)
        yield out.tobytes()


def es(head, body, least):
    """Times are steps, so that the events repeated go on by themselves."""
    yield head
    for _ in range(-(-least // len(body))):
        yield body


def aedat4(data, least):
    import lz4.frame

    (length,) = struct.unpack_from("<I", data, 14)
    start = 18 + length
    table = table_at(data)
    end = table if table > 0 else len(data)
    packets, place = [], start
    while place + 8 <= end:
        stream, size = struct.unpack_from("<ii", data, place)
        body = data[place + 8 : place + 8 + size]
        if body[:4] == b"\x04\x22\x4d\x18":
            raw = lz4.frame.decompress(body)
            if raw[8:12] == b"EVTS":
                packets.append((stream, raw))
        place += 8 + size
    if not packets:
        sys.exit("no packets of events")
    places = [events_of(raw) for _, raw in packets]
    first = struct.unpack_from("<q", packets[0][1], places[0][0])[0]
    end, count = places[-1]
    last = struct.unpack_from("<q", packets[-1][1], end + 16 * (count - 1))[0]
    span, written, i = last - first + 1, 0, 0
    # The table of packets is left out: readers have to do without.
    head = bytearray(data[:start])
    at = head.find(struct.pack("<q", table))
    if at >= 0:
        head[at : at + 8] = struct.pack("<q", -1)
    yield bytes(head)
    while written < least:
        for (stream, raw), (at, count) in zip(packets, places):
            moved = bytearray(raw)
            times = np.frombuffer(moved, "<i8", offset=at, count=2 * count)[::2] + i * span
            view = np.frombuffer(moved, np.uint8).copy()
            view[at : at + 16 * count].view("<i8")[::2] = times
            body = lz4.frame.compress(view.tobytes(), block_linked=True, store_size=False)
            yield struct.pack("<ii", stream, len(body)) + body
            written += 8 + len(body)
        i += 1


def events_of(raw):
    """Place and number of the events in an unpacked packet."""
    root = 4 + struct.unpack_from("<I", raw, 4)[0]
    table = root - struct.unpack_from("<i", raw, root)[0]
    field = struct.unpack_from("<H", raw, table + 4)[0]
    vector = root + field + struct.unpack_from("<I", raw, root + field)[0]
    return vector + 4, struct.unpack_from("<I", raw, vector)[0]


def table_at(data):
    """Where the header says that the table of packets is."""
    root = 18 + struct.unpack_from("<I", data, 18)[0]
    table = root - struct.unpack_from("<i", data, root)[0]
    for slot in range((struct.unpack_from("<H", data, table)[0] - 4) // 2):
        field = struct.unpack_from("<H", data, table + 4 + 2 * slot)[0]
        if field and root + field + 8 <= len(data):
            (value,) = struct.unpack_from("<q", data, root + field)
            if 1 << 10 < value <= len(data):
                return value
    return -1


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    least = int(float(sys.argv[3]) * 2**20) if len(sys.argv) == 4 else 64 * 2**20
    data = open(sys.argv[1], "rb").read()
    if data.startswith(b"#!AER-DAT4"):
        parts = aedat4(data, least)
    elif data.startswith(b"Event Stream"):
        start = 16 if data[15] == 0 else 20
        parts = es(data[:start], data[start:], least)
    else:
        start = header(data)
        head, body = data[:start], data[start:]
        text = head.decode(errors="replace").lower().replace("format evt", "evt ")
        if "evt 3" in text:
            parts = evt3(head, body, least)
        elif "evt 2.0" in text or "evt 2;" in text:
            parts = evt2(head, body, least)
        else:
            parts = dat(head, body, least)
    with open(sys.argv[2], "wb") as out:
        for part in parts:
            out.write(part)


main()
