"""Reads with NumPy what tests/npz.rs wrote, and prints it: python3 npz_read.py FILE."""

import sys

import numpy as np

with np.load(sys.argv[1], allow_pickle=False) as arrays:
    for name in sorted(arrays.files):
        a = arrays[name]
        print(name, a.dtype.str, a.shape, a.flags.c_contiguous, *[float(x) for x in a.ravel()])
