"""Writes the .npy and .npz fixtures with NumPy: python3 npz.py (the folder beside, fixtures, is the default).

Every member of types.npz has the shape [2, 3] and follows the formulas in tests/npz.rs.
"""

import pathlib
import sys

import numpy as np

out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "fixtures")
types = {}
for kind in ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]:
    base = np.arange(6).reshape(2, 3)
    value = {"u": base * 7 + 1, "i": base * 7 - 15, "f": base * 0.375 - 1}[kind[0]]
    if kind[0] in "ui":
        info = np.iinfo(kind)
        value = value.astype(kind)
        value[1, 2], value[1, 1] = info.max, info.min
    for order, name in [("<", "little"), (">", "big")]:
        array = value.astype(order + kind)
        types[f"{kind}_{name}"] = array
        types[f"{kind}_{name}_fortran"] = np.asfortranarray(array)
types["b1"] = np.array([[True, False, True], [False, False, True]])
np.savez(out / "types-stored.npz", **types)
np.savez_compressed(out / "types.npz", **types)
np.savez_compressed(
    out / "shapes.npz",
    scalar=np.float64(2.5),
    empty=np.zeros((0, 3), np.float32),
    fortran3=np.asfortranarray(np.arange(24, dtype=np.int16).reshape(2, 3, 4)),
    halves=np.array([0.0, -0.0, 1 / 3, 65504, 2.0**-24, np.inf, -np.inf, np.nan, 2.0**-14], np.float16),
)
for version in [(1, 0), (2, 0), (3, 0)]:
    with open(out / f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, np.arange(5, dtype="<i4"), version)
np.save(out / "record.npy", np.zeros(3, [("t", "<u8"), ("x", "<u2")]))
np.save(out / "text.npy", np.array(["a", "bc"]))
np.save(out / "complex.npy", np.array([1 + 2j]))
