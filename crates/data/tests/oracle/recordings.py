"""Makes recordings as POKER-DVS, DVS-Lip and ASL-DVS have them: recordings.py FOLDER (needs numpy, scipy)."""
import sys

import numpy as np
import scipy.io

folder = sys.argv[1] + "/"
# A table without names: t, x, y, p.
np.save(folder + "poker.npy", np.array([[7, 34, 3, 0], [900, 0, 0, 1]], "i8"))
lip = np.array([(12, 1, 127, 1), (999_999, 127, 64, 0)], [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")])
np.save(folder + "lip.npy", lip)
columns = {"ts": [1, 70_000, 70_001], "x": [0, 239, 2], "y": [179, 0, 3], "pol": [1, 0, 1]}
kinds = {"ts": "u4", "x": "u1", "y": "u1", "pol": "u1"}
arrays = {name: np.array(values, kinds[name]).reshape(-1, 1) for name, values in columns.items()}
scipy.io.savemat(folder + "asl.mat", arrays, do_compression=True)
