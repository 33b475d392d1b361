"""NIR files that Cortado wrote, through the Python package and back.

    pip install nir==1.0.8 h5py==3.16.0 numpy==2.4.6
    cargo test -p cortado-interop --test nir_golden --test nir_file
    python tests/oracle/nir_round_trip.py target/tmp/nir crates/interop/tests/data

Each file of the first folder is read by the package, written, read again, and compared: every field, its shape, its type.
Those that have their like in the second folder, which the package wrote, are compared to it as well. It printed:

    odd.nir: 38 values equal after another round, 38 to the first file
    old.nir: 24 values equal after another round, 24 to the first file
    packed.nir: 40 values equal after another round, 40 to the first file
    types.nir: 143 values equal after another round, 143 to the first file
    unusual.nir: 24 values equal after another round
"""

import sys
import tempfile
from pathlib import Path

import nir
import numpy as np


def compare(a, b, at):
    """How many values are equal; an error if one is not."""
    if isinstance(a, dict) or isinstance(b, dict):
        assert a.keys() == b.keys(), f"{at}: {sorted(a)} and {sorted(b)}"
        return sum(compare(a[k], b[k], f"{at}/{k}") for k in a)
    # The package gives texts of a fixed length as bytes, and those of a variable length as objects of bytes.
    a, b = (np.vectorize(lambda t: t.decode() if isinstance(t, bytes) else t)(x) if x.dtype.kind in "SO" else x
            for x in (np.asarray(a), np.asarray(b)))
    assert a.shape == b.shape, f"{at}: {a.shape} and {b.shape}"
    assert a.dtype == b.dtype or a.dtype.kind == b.dtype.kind == "U", f"{at}: {a.dtype} and {b.dtype}"
    assert np.array_equal(a, b), f"{at}: {a} and {b}"
    return 1


def main():
    ours, theirs = map(Path, sys.argv[1:])
    for path in sorted(ours.glob("*.nir")):
        # The package takes every kernel for a square one when it infers shapes.
        check = path.name not in ("odd.nir", "unusual.nir")
        read = nir.read(path, type_check=check)
        with tempfile.TemporaryDirectory() as folder:
            again = Path(folder) / path.name
            nir.write(again, read)
            count = compare(read.to_dict(), nir.read(again, type_check=check).to_dict(), path.name)
        line = f"{path.name}: {count} values equal after another round"
        if (theirs / path.name).exists():
            first = nir.read(theirs / path.name, type_check=check)
            line += f", {compare(read.to_dict(), first.to_dict(), path.name)} to the first file"
        print(line)


main()
