"""Writes the fixtures of tests/arrays.rs with h5py, hdf5plugin and NumPy: python3 arrays.py (into the folder fixtures).

Event k of 600 is at 999 + 37 k us, x = 7 k mod 640, y = 3 k mod 480, p = (k mod 3 = 0).
"""

import pathlib
import zipfile

import h5py
import hdf5plugin
import numpy as np

out = pathlib.Path(__file__).parent.parent / "fixtures"
k = np.arange(600)
t, x, y, p = 999 + 37 * k, 7 * k % 640, 3 * k % 480, (k % 3 == 0).astype("u1")


def dsec(name, t_type="<u4", xy="<u2", p_type="u1", group="events", offset=None, inside=False, chunk=(200,), **packing):
    with h5py.File(out / name, "w") as file:
        g = file.create_group(group)
        kinds = {"t": (t - (offset or 0), t_type), "x": (x, xy), "y": (y, xy), "p": (p, p_type)}
        for i, (column, (data, kind)) in enumerate(kinds.items()):
            sizes = {"chunks": (chunk[0] + 50 * i,)} if chunk else {}
            g.create_dataset(column, data=data.astype(kind), **sizes, **packing)
        index = np.searchsorted(t - (offset or 0), np.arange(0, (t[-1] - (offset or 0)) // 1000 + 1) * 1000)
        (g if inside else file).create_dataset("ms_to_idx", data=index.astype("u8"), **packing)
        if offset is not None:
            (g if inside else file).create_dataset("t_offset", data=np.int64(offset))


for cname in ["zstd", "lz4", "blosclz"]:
    for shuffle, level in [(0, 1), (1, 5), (2, 9)]:
        name = f"dsec-{cname}-{shuffle}.h5"
        dsec(name, offset=500, **hdf5plugin.Blosc(cname=cname, clevel=level, shuffle=shuffle))
dsec("dsec-m3ed.h5", "<i8", "<u2", "<i1", "prophesee/left", inside=True, compression="lzf", shuffle=True)
dsec("dsec-big.h5", ">i8", ">i4", "?", offset=-5, chunk=None)
dsec("dsec-gzip.h5", "<u8", "<i2", compression="gzip")
with h5py.File(out / "mvsec.h5", "w") as file:
    table = np.stack([x, y, t / 1e6, 2.0 * p - 1], 1)
    file.create_dataset("davis/left/events", data=table, compression="gzip", chunks=(100, 3))
with h5py.File(out / "table.h5", "w") as file:
    file.create_dataset("events", data=np.stack([t, x, y, p], 1))
with h5py.File(out / "ecf-plain.h5", "w") as file:
    cd = np.dtype({"names": ["x", "y", "p", "t"], "formats": ["<u2", "<u2", "<i2", "<i8"], "offsets": [0, 2, 4, 8], "itemsize": 16})
    trigger = np.dtype({"names": ["p", "t", "id"], "formats": ["<i2", "<i8", "<i2"], "offsets": [0, 8, 16], "itemsize": 24})
    events = np.zeros(600, cd)
    events["x"], events["y"], events["p"], events["t"] = x, y, p, t
    file.create_dataset("CD/events", data=events, chunks=(256,), compression="gzip")
    triggers = np.zeros(2, trigger)
    triggers["p"], triggers["t"], triggers["id"] = [1, 0], [1500, 9000], [0, 3]
    file.create_dataset("EXT_TRIGGER/events", data=triggers)
    file.attrs["geometry"] = "640x480"
    file.attrs["version"] = np.bytes_("1.0")

record = np.zeros(600, [("p", "?"), ("x", ">i4"), ("more", "<f4", (2,)), ("t", "<u8"), ("", "V3"), ("y", "<u2")])
record["t"], record["x"], record["y"], record["p"] = t, x, y, p
np.save(out / "events-record.npy", record)
seconds = np.zeros(600, [("timestamp", "<f8"), ("x", "<u2"), ("y", "<u2"), ("polarity", "i1")])
seconds["timestamp"], seconds["x"], seconds["y"], seconds["polarity"] = t / 1e6, x, y, 2.0 * p - 1
np.save(out / "events-seconds.npy", seconds)
np.save(out / "events-table.npy", np.stack([t, x, y, p], 1).astype("<i4"))
np.save(out / "events-fortran.npy", np.asfortranarray(np.stack([x, y, p, t], 1).astype("<f8") * [1, 1, 1, 1e-6]))
np.savez_compressed(out / "events-columns.npz", t=t, x=x.astype("u2"), y=y, p=p.astype(bool))
np.savez(out / "events-record.npz", data=seconds)
lines = ["640 480\n"] + [f"{a / 1e6:.9f} {b} {c} {d}\n" for a, b, c, d in zip(t, x, y, p)]
with zipfile.ZipFile(out / "events.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr(zipfile.ZipInfo("notes.md"), "no events")
    archive.writestr("events.txt", "".join(lines), zipfile.ZIP_DEFLATED)
np.savetxt(out / "events-savetxt.txt", np.stack([t / 1e6, x, y, p], 1)[:50])
