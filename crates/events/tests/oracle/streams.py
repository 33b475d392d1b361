#!/usr/bin/env python3
"""Counts and checksums of recordings by other readers, run as programs: expelliarmus (DAT), faery (Event Stream,
AEDAT 4), aedat (AEDAT 4) and plain NumPy (records of 40 and 56 bits, AEDAT 2.0).

usage: streams.py FOLDER    (needs: pip install numpy expelliarmus faery aedat)

Prints a line for each file: events, brighter ones, first and last time, checksum of t, x, y, p in the order of the file:
c <- 1000003 c + 31 t + 7 x + 3 y + p modulo 2^64. Rows of Event Stream and AEDAT 2.0 are as stored, from the bottom.
"""

import pathlib
import sys

import numpy as np


def show(name, reader, t, x, y, p):
    c = 0
    for a, b, d, e in zip(t.tolist(), x.tolist(), y.tolist(), p.tolist()):
        c = (c * 1000003 + 31 * a + 7 * b + 3 * d + (e != 0)) & (2**64 - 1)
    print(f"{name}: {reader}: {len(t)} {int((np.asarray(p) != 0).sum())} {t[0]} {t[-1]} {c:016x}", flush=True)


def of(name, reader, parts, flip=None):
    e = np.concatenate(list(parts))
    y = e["y"].astype(int)
    p = e["on"] if "on" in e.dtype.names else e["p"]
    show(name, reader, e["t"], e["x"], y if flip is None else flip - 1 - y, p)


def records(name, size):
    b = np.fromfile(folder / name, dtype=np.uint8).reshape(-1, size).astype(np.int64)
    if size == 7:
        x, y, p = b[:, 0] << 4 | b[:, 1] >> 4, (b[:, 1] & 15) << 8 | b[:, 2], b[:, 3]
        t = b[:, 4] << 16 | b[:, 5] << 8 | b[:, 6]
    else:
        x, y, p = b[:, 0], b[:, 1], b[:, 2] >> 7
        if name.endswith(".bs1"):
            x, y = x << 8 | y, 0 * y
        t = (b[:, 2] & 127) << 16 | b[:, 3] << 8 | b[:, 4]
    show(name, "numpy", t, x, y, p)


def jaer(name):
    b = (folder / name).read_bytes()
    at = 0
    while b[at : at + 1] == b"#":
        at = b.index(b"\n", at) + 1
    n = (len(b) - at) // 8
    a, t = np.frombuffer(b, ">u4", 2 * n, at).reshape(-1, 2).T.astype(np.int64)
    k = (a >> 31 == 0) & (a >> 10 & 1 == 0)
    show(name, "numpy", t[k], (a >> 12 & 1023)[k], (a >> 22 & 511)[k], (a >> 11 & 1)[k])


folder = pathlib.Path(sys.argv[1])

records("nmnist_sample.bin", 5)
for i in range(1, 6):
    records(f"dvs128_clip_{i}.bs2", 5)
records("slayer_1.bs3", 7)
records("slayer_ntidigits_1.bs1", 5)
for name in ["rotdisk", "rotatingbar", "translatingsquare"]:
    jaer(f"aedat2_{'davis240' if name == 'rotdisk' else 'synth'}_{name}.aedat")

import expelliarmus

of("dat_ncars_sample.dat", "expelliarmus", [expelliarmus.Wizard(encoding="dat").read(folder / "dat_ncars_sample.dat")])

import faery

for name, flip in [("es_dvs.es", 240), ("aedat4_sample.aedat4", None)]:
    of(name, "faery", (e.copy() for e in faery.events_stream_from_file(folder / name)), flip)

import aedat

name = "aedat4_sample.aedat4"
of(name, "aedat", (e["events"].copy() for e in aedat.Decoder(str(folder / name)) if "events" in e))
