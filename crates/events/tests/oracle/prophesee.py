"""What other readers make of recordings in EVT 2.0 and 3.0, run as programs:

    python3 prophesee.py FOLDER          # with evt2_sample.raw, evt3_sample.raw, evt3_sample.npy, evt3_trigger.raw

Needs NumPy, expelliarmus and faery. The figures stand in tests/prophesee.rs; where readers differ, docs/book/event-formats.md
says which is right.
"""

import pathlib
import sys

import numpy as np


def summary(name, reader, t, x, y, p):
    t, x, y, p = (np.asarray(c).astype(np.uint64) for c in (t, x, y, p))
    total = 0
    for value in (31 * t + 7 * x + 3 * y + (p != 0)).tolist():
        total = (total * 1000003 + value) % 2**64
    print(f"{name:18} {reader:13} {len(t):7} events, {int(p.sum()):7} on, t {t[0]}..{t[-1]}, checksum {total:016x}")


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, encoding in [("evt2_sample.raw", "evt2"), ("evt3_sample.raw", "evt3"), ("evt3_trigger.raw", "evt3")]:
        path = folder / name
        try:
            from expelliarmus import Wizard

            events = Wizard(encoding=encoding).read(str(path))
            if events is None:
                print(f"{name:18} expelliarmus  cannot read it")
            else:
                summary(name, "expelliarmus", events["t"], events["x"], events["y"], events["p"])
        except Exception as e:
            print(f"{name:18} expelliarmus  {e}")
        try:
            import faery

            events = faery.events_stream_from_file(path, dimensions_fallback=(1280, 720)).to_array()
            summary(name, "faery", events["t"], events["x"], events["y"], events[events.dtype.names[3]])
        except Exception as e:
            print(f"{name:18} faery         {e}")
    events = np.load(folder / "evt3_sample.npy")
    summary("evt3_sample.npy", "numpy", events["t"], events["x"], events["y"], events["p"])


main()
