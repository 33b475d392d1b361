"""Reads with h5py or NumPy what tests/arrays.rs wrote, and prints it: python3 arrays_read.py FORMAT FILE."""

import sys

import numpy as np


def checksum(t, x, y, p):
    total = 0
    for a, b, c, d in zip(t, x, y, p):
        total = (total * 1000003 + 31 * int(a) + 7 * int(b) + 3 * int(c) + int(d != 0)) % 2**64
    print(len(t), f"{total:016x}")


kind, path = sys.argv[1:]
if kind in ("npy", "npz"):
    data = np.load(path, allow_pickle=False)
    checksum(data["t"], data["x"], data["y"], data["p"])
    sys.exit()
import h5py
import hdf5plugin  # noqa: F401  (the filters)

with h5py.File(path) as file:
    if kind == "dsec":
        e, index, offset = file["events"], file["ms_to_idx"][:], int(file["t_offset"][()])
        t = e["t"][:]
        checksum([int(a) + offset for a in t], e["x"][:], e["y"][:], e["p"][:])
        for ms, i in enumerate(index):
            assert t[i] >= 1000 * ms and (i == 0 or t[i - 1] < 1000 * ms), ms
        print(file.attrs["geometry"], len(index))
    elif kind == "ecf":
        e, trigger = file["CD/events"], file["EXT_TRIGGER/events"][:]
        print(e.shape, e.dtype.names, e.dtype.itemsize, e.chunks, sorted(e._filters))
        print(file.attrs["geometry"], [tuple(int(v) for v in row) for row in trigger])
        print([tuple(int(v) for v in row) for row in file["CD/indexes"][:3]], file["CD/indexes"].attrs["offset"])
    else:
        t, x = file["spikes/times"][0], file["spikes/units"][0]
        checksum(np.round(t * 1e6), x, 0 * x, 0 * x + 1)
