"""Makes small sequences as DSEC and MVSEC have them: sequences.py FOLDER (needs h5py, hdf5plugin, numpy)."""
import os
import struct
import sys
import zlib

import h5py
import hdf5plugin
import numpy as np

folder = sys.argv[1] + "/"


def png(path, values):
    """A PNG of 16 bits: [rows, columns] grey, or [rows, columns, 3]."""
    rows, columns = values.shape[:2]
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    color = 0 if values.ndim == 2 else 2

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", columns, rows, 16, color, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head))
        file.write(chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


dsec = folder + "dsec/"
for name in ["events_left", "disparity_event", "optical_flow_forward_event"]:
    os.makedirs(dsec + name, exist_ok=True)
n = 3000
t = np.arange(n) * 7
with h5py.File(dsec + "events_left/events.h5", "w") as file:
    packing = hdf5plugin.Blosc(cname="zstd")
    columns = {"t": (t, "u4"), "x": (t % 640, "u2"), "y": (t % 480, "u2"), "p": (t % 3 == 0, "u1")}
    for name, (values, kind) in columns.items():
        file.create_dataset("events/" + name, data=values.astype(kind), chunks=(500,), **packing)
    file["t_offset"] = np.int64(50_000_000_000)
    file["ms_to_idx"] = np.searchsorted(t, np.arange(22) * 1000).astype("u8")
with h5py.File(dsec + "events_left/rectify_map.h5", "w") as file:
    values = np.stack(np.meshgrid(np.arange(4), np.arange(3)), -1) + [0.25, -0.5]
    file.create_dataset("rectify_map", data=values.astype("f4"), compression="gzip")
with open(dsec + "thun_image_timestamps.txt", "w") as file:
    file.write("50000001000\n50000051000\n")
with open(dsec + "thun_disparity_timestamps.txt", "w") as file:
    file.write("50000001000\n50000101000\n")
with open(dsec + "thun_optical_flow_forward_timestamps.txt", "w") as file:
    file.write("# from_timestamp_us, to_timestamp_us\n50000001000, 50000101000\n")
png(dsec + "disparity_event/000000.png", np.array([[0, 1, 256], [65535, 384, 0]]))
png(dsec + "disparity_event/000002.png", np.array([[7, 7, 7], [7, 7, 7]]))
flow = [[[32768, 32768, 1], [32896, 32704, 1]], [[0, 0, 0], [0, 65535, 1]]]
png(dsec + "optical_flow_forward_event/000000.png", np.array(flow))
kinds = [("t", "<u8"), ("x", "<f8"), ("y", "<f8"), ("h", "<f8"), ("w", "<f8")]
kinds += [("class_id", "u1"), ("class_confidence", "<f8"), ("track_id", "<u8")]
boxes = [(50_000_001_000, 1.5, 2.0, 30.0, 40.25, 2, 0.75, 9), (50_000_051_000, -3.0, 0.0, 1.0, 2.0, 7, 1.0, 12)]
np.save(dsec + "tracks.npy", np.array(boxes, kinds))

start = 1504645177.4237
seconds = start + np.arange(2500) * 1e-5
with h5py.File(folder + "mvsec_data.hdf5", "w") as file:
    for side, shift in [("left", 0), ("right", -2e-5)]:
        p = np.where(np.arange(2500) % 2 == 0, 1.0, -1.0)
        events = np.stack([np.arange(2500) % 346, np.arange(2500) % 260, seconds + shift, p], 1)
        file.create_dataset(f"davis/{side}/events", data=events, chunks=(300, 4), compression="gzip")
with h5py.File(folder + "mvsec_gt.hdf5", "w") as file:
    depth = np.arange(5 * 6 * 4, dtype="f4").reshape(5, 6, 4) / 4
    depth[1, 0, 0] = np.nan
    group = "davis/left/"
    file.create_dataset(group + "depth_image_rect", data=depth, chunks=(2, 3, 2), compression="gzip")
    file[group + "depth_image_rect_ts"] = start + np.arange(5) * 0.05 - 0.01
    flow = np.arange(3 * 2 * 6 * 4, dtype="f8").reshape(3, 2, 6, 4) / 8 - 1
    file.create_dataset(group + "flow_dist", data=flow, chunks=(1, 2, 4, 3), compression="gzip")
    file[group + "flow_dist_ts"] = start + np.arange(3) * 0.05
