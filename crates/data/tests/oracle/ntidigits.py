"""Makes a file of the layout of N-TIDIGITS18: ntidigits.py FOLDER (needs h5py, numpy)."""
import sys

import h5py
import numpy as np

RECORDINGS = {
    "train": {
        "man-ae-a-3": ([0.0, 0.0000015, 0.25, 1.2345678], [0, 63, 7, 7]),
        "woman-bf-b-o": ([0.5], [12]),
        "man-ae-b-3z1": ([0.1, 0.2], [1, 2]),
        "boy-cd-a-z": ([], []),
    },
    "test": {
        "girl-xy-a-9": ([0.0030004, 0.0029996], [5, 6]),
        "man-gh-b-1o": ([0.7], [3]),
    },
}

with h5py.File(sys.argv[1] + "/ntidigits.hdf5", "w") as file:
    for part, recordings in RECORDINGS.items():
        names = np.array([name.encode() for name in recordings])
        file[part + "_labels"] = names
        for name, (times, channels) in recordings.items():
            file[f"{part}_timestamps/{name}"] = np.array(times, "f8")
            file[f"{part}_addresses/{name}"] = np.array(channels, "u1")
