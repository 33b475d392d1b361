"""Writes the HDF5 fixtures with h5py: python3 shd.py (into the folder fixtures).

Sample s has (5 s) mod 7 spikes, spike k at 0.1 s + 0.03125 k + 0.001 s, rounded to the file's type, in channel
(37 s + 11 k) mod 700; its label is s mod 3 and its speaker s mod 2.
"""

import pathlib

import h5py
import numpy as np

out = pathlib.Path(__file__).parent.parent / "fixtures"


def write(name, rows=9, time="<f2", unit="<u2", label="<u2", packed=False, keys="S5", extra=True, **options):
    options = {**options}
    with h5py.File(out / name, "w", **options) as file:
        spikes = file.create_group("spikes")
        storage = {"compression": "gzip", "chunks": (4,)} if packed else {}
        times = spikes.create_dataset("times", (rows,), h5py.vlen_dtype(np.dtype(time)), **storage)
        units = spikes.create_dataset("units", (rows,), h5py.vlen_dtype(np.dtype(unit)), **storage)
        for s in range(rows):
            k = np.arange(5 * s % 7)
            times[s] = (0.1 + 0.03125 * k + 0.001 * s).astype(time)
            units[s] = ((37 * s + 11 * k) % 700).astype(unit)
        s = np.arange(rows)
        file.create_dataset("labels", data=(s % 3).astype(label), **storage)
        if extra:
            group = file.create_group("extra")
            group.create_dataset("speaker", data=(s % 2).astype(label))
            words = ["zero", "one", "two"]
            data = words if keys is None else np.array(words, keys)
            group.create_dataset("keys", data=data, dtype=h5py.string_dtype() if keys is None else None)
            group.create_group("meta_info").create_dataset("gender", data=np.array(["m", "f"], "S6"))


write("shd-plain.h5")
write("shd-gzip.h5", packed=True)
write("shd-latest.h5", libver="latest", packed=True)
write("shd-f4.h5", time="<f4", unit="<i4", label="<i8", keys=None)
write("shd-f8.h5", time=">f8", unit=">i8", label=">i2", extra=False)
write("shd-userblock.h5", userblock_size=512)
