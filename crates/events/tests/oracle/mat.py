#!/usr/bin/env python3
"""Count and checksum of ST-MNIST's sample, read by scipy.

usage: mat.py FOLDER    (needs: pip install numpy scipy)

Prints events, brighter ones, first and last time, and the checksum of t, x, y, p in the order of the file:
c <- 1000003 c + 31 t + 7 x + 3 y + p modulo 2^64; times are microseconds, halves rounded up.
"""

import pathlib
import sys

import numpy as np
import scipy.io

a = scipy.io.loadmat(pathlib.Path(sys.argv[1]) / "stmnist_sample.mat")["spiketrain"]
column, row = np.nonzero(a[:-1].T)
t = np.floor(a[-1, column] * 1e6 + 0.5).astype(int)
p = a[row, column] > 0
c = 0
for t1, r1, p1 in zip(t.tolist(), row.tolist(), p.tolist()):
    c = (c * 1000003 + 31 * t1 + 7 * (r1 % 10) + 3 * (r1 // 10) + p1) & (2**64 - 1)
print(f"{len(t)} {int(p.sum())} {t[0]} {t[-1]} {c:016x}")
