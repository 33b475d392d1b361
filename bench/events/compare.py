"""Decoding beside Expelliarmus, in the same run on the same files:

    python3 repeat.py ORIGINAL LONG     # for each recording of a camera
    python3 compare.py LONG...

Each file is read from the disk's cache and decoded, by `cortado events bench --read` and by Expelliarmus where it
reads the format (DAT, EVT 2.0, EVT 3.0); the fastest of some rounds counts. CORTADO names the command.
"""

import json
import os
import subprocess
import sys
import time

ROUNDS = 5


def cortado(path, *more):
    command = os.environ.get("CORTADO", "target/release/cortado")
    out = subprocess.run([command, "events", "bench", path, "--json", *more], check=True, capture_output=True, text=True)
    all = json.loads(out.stdout)
    return all, all["files"][0]


def expelliarmus(path, name):
    from expelliarmus import Wizard

    wizard = Wizard(encoding=name)
    best, count = float("inf"), 0
    for _ in range(ROUNDS):
        start = time.perf_counter()
        events = wizard.read(path)
        best = min(best, time.perf_counter() - start)
        if events is None:
            return None
        count = len(events)
    return count, best


def main():
    print(f"{'file':26} {'format':8} {'memory':>8} {'of copy':>8} {'file':>8} {'Expelliarmus':>13} {'ratio':>6}   million events a second")
    for path in sys.argv[1:]:
        all, memory = cortado(path)
        _, read = cortado(path, "--read")
        line = f"{os.path.basename(path):26} {memory['format']:8} {memory['events_per_second'] / 1e6:8.1f} {memory['of_copy']:8.2f}"
        line += f" {read['events_per_second'] / 1e6:8.1f}"
        if memory["format"] in ("dat", "evt2", "evt3"):
            other = expelliarmus(path, memory["format"])
            if other is None:
                line += "  cannot read it"
            else:
                count, seconds = other
                rate = count / seconds
                line += f" {rate / 1e6:13.1f} {read['events_per_second'] / rate:6.1f}"
                if count != memory["events"]:
                    line += f"   ({count} events, {memory['events']} here)"
        print(line, flush=True)
    print(f"{all['threads']} threads; a plain copy reads and writes {all['copy_bytes_per_second'] / 1e9:.1f} GB a second")


main()
