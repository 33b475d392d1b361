#!/usr/bin/env python3
"""Run `cortado bench` and the Python peers on the same work, in turn, and print one table.

    python bench/compare.py --python .venv/bin/python
    python bench/compare.py --work recurrent-train --peer spyx --threads 2

Each peer alternates with Cortado (A B A B ...), so that a noisy machine hits both; the figures are
medians of the runs' medians. Two OpenMP threads on two cores slow down up to a hundred times when another
process takes one core, so a bar is not judged where others took more than the idle cores (--busy).
Exit status: 0 all bars passed, 1 a bar was missed or not judged or something failed, 2 the comparison
could not start.
"""
import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SPYX = ["spyx", "spyx-hoist"]       # written in two ways; the faster one counts

# name: Cortado's work, peers' script, options of both, threads (None: --threads),
#       bars (how many times faster Cortado is to be), peers shown without a bar
WORKS = {
    "lif-fwd-bwd-512": ("lif-fwd-bwd", "lif_fwd_bwd.py", ["--n", "512"], None,
                        {"spyx": 15, "snntorch": 40, "norse": 40}, ["norse-lif", "spikingjelly", "torch-fused"]),
    "lif-fwd-bwd-1024": ("lif-fwd-bwd", "lif_fwd_bwd.py", ["--n", "1024"], None,
                         {"spikingjelly": 15, "snntorch": 30}, ["spyx", "norse", "torch-fused"]),
    "recurrent-train": ("recurrent-train", "recurrent_train.py", [], None,
                        {"spyx": 9, "snntorch": 14}, ["norse", "spikingjelly", "torch-hand"]),
    "dense-train": ("dense-train", "dense_train.py", [], None,
                    {"spikingjelly": 3}, ["spyx", "snntorch", "norse", "torch-fused"]),
    "conv-train": ("conv-train", "conv_train.py", [], None,
                   {"snntorch": 6}, ["spikingjelly", "torch-fused"]),
    "infer": ("infer", "recurrent_train.py", [], 1,
              {"spyx": 15, "snntorch": 200}, ["norse", "spikingjelly", "torch-hand"]),
}
MEMORY_N, MEMORY_T, MEMORY_BATCH, MEMORY_BAR = 512, (500, 2000), 16, 5.0    # the bar in bytes
MEMORY_PEERS = [*SPYX, "snntorch", "norse", "spikingjelly", "torch-fused"]
# Norse's current-based LIF has other dynamics: its rates cannot agree
EXEMPT = {("lif-fwd-bwd-512", "norse-lif"), ("recurrent-train", "norse"), ("infer", "norse")}
RATE_TOLERANCE = 0.10
# glibc keeps freed blocks of up to 32 MiB, which hides growth: for memory, hand large blocks back at once
MEMORY_ENV = {"MALLOC_MMAP_THRESHOLD_": "1000000"}


class Failed(Exception):
    pass


def cpu_seconds():
    """CPU seconds that the machine has been busy (stolen time included), and those of our own runs."""
    own = sum(sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    try:
        with open("/proc/stat") as f:
            t = [int(x) for x in f.readline().split()[1:]]
    except OSError:
        return None
    return (sum(t[:3]) + sum(t[5:8])) / os.sysconf("SC_CLK_TCK"), own


def run(command, env):
    """The JSON object on the last line of stdout; `busy`: how many cores others took meanwhile."""
    print("  " + " ".join(str(c) for c in command[1:]), file=sys.stderr, flush=True)
    before, start = cpu_seconds(), time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200, env={**os.environ, **env})
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Failed(str(e))
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing on stderr"]
        raise Failed(f"exit status {done.returncode}: {said[-1][:200]}")
    after, wall = cpu_seconds(), time.perf_counter() - start
    try:
        result = json.loads(done.stdout.strip().splitlines()[-1])
        missing = [k for k in ("params", "median_s", "peak_rss_mb", "rates") if k not in result]
    except (IndexError, ValueError, TypeError):
        raise Failed("the last line of stdout is not a JSON object")
    if missing:
        raise Failed("no " + ", ".join(missing) + " in the JSON line")
    if before:
        result["busy"] = max(0.0, (after[0] - before[0]) - (after[1] - before[1])) / wall
    return result


def run_cortado(a, work, options, threads, env={}):
    return run([a.cortado, "bench", work, *options, "--threads", str(threads), "--json"], env)


def run_peer(a, peer, script, options, threads, env={}):
    return run([a.python, HERE / "peers" / script, "--peer", peer, *options, "--threads", str(threads)], env)


def compare_rates(ours, theirs):
    """'' if spike rates agree, else what is wrong. By name; by order where no name is common."""
    names = [k for k in ours if k in theirs]
    if names:
        pairs = [(ours[k], theirs[k]) for k in names]
    elif ours and len(ours) == len(theirs):
        pairs = list(zip(ours.values(), theirs.values()))
    else:
        return "RATES NOT COMPARABLE"
    off = any(abs(x - y) > RATE_TOLERANCE * max(abs(x), abs(y)) for x, y in pairs)
    return "RATES DIFFER" if off else ""


def compare_sizes(ours, theirs):
    """Sizes that both name and that differ."""
    off = [f"{k} {theirs[k]}/{ours[k]}" for k in ours
           if k in theirs and isinstance(ours[k], (int, float)) and ours[k] != theirs[k]]
    return "SIZES DIFFER: " + ", ".join(off) if off else ""


def show_rates(rates):
    return ", ".join(f"{k} {v:.4f}" for k, v in rates.items()) or "-"


def title(name, fastest=None):
    titles = {"snntorch": "snnTorch", "norse": "Norse", "spikingjelly": "SpikingJelly", "spyx": "Spyx",
              "spyx-hoist": "Spyx (hoisted product)", "norse-lif": "Norse (current-based)"}
    return titles.get(fastest or name, fastest or name)


def compare_speed(a, name, peer, bar):
    """One row: Cortado and one peer in turn."""
    work, script, options, threads, _, _ = WORKS[name]
    threads = threads or a.threads
    peer_options = [*options, "--infer"] if name == "infer" else options
    if a.repeats:
        peer_options = [*peer_options, "--repeats", str(a.repeats)]
    ways = SPYX if peer == "spyx" else [peer]
    row = dict(work=name, peer=peer, threads=threads, bar=bar, passed=None, notes=[])
    if (name, peer) in EXEMPT:
        row["notes"].append("other dynamics, rates not checked")
    runs = {w: [] for w in ways}
    ours = []
    try:
        for _ in range(a.rounds):
            for w in ways:
                try:
                    ours.append(run_cortado(a, work, options, threads))
                except Failed as e:
                    raise Failed(f"Cortado: {e}")
                runs[w].append(run_peer(a, w, script, peer_options, threads))
    except Failed as e:
        row["failed"] = str(e)
        return row
    times = {w: median(r["median_s"] for r in rs) for w, rs in runs.items()}
    fastest = min(times, key=times.get)
    theirs, mine = runs[fastest][-1], ours[-1]
    cortado_s = median(r["median_s"] for r in ours)
    row.update(fastest=fastest, version=theirs.get("version"), params=theirs["params"], peer_s=times[fastest],
               all_peer_s=times, cortado_s=cortado_s, ratio=times[fastest] / cortado_s,
               peer_runs_s=[r["median_s"] for r in runs[fastest]], cortado_runs_s=[r["median_s"] for r in ours],
               peer_peak_rss_mb=theirs["peak_rss_mb"], cortado_peak_rss_mb=mine["peak_rss_mb"],
               peer_rates=theirs["rates"], cortado_rates=mine["rates"])
    row["busy"] = max(r.get("busy", 0) for r in [*ours, *sum(runs.values(), [])])
    quiet = row["busy"] <= max(0, os.cpu_count() - threads) + a.busy
    if not quiet:
        row["notes"].append(f"MACHINE BUSY: others took up to {row['busy']:.1f} cores")
    if bar and quiet:
        row["passed"] = row["ratio"] >= bar
    if (name, peer) not in EXEMPT:
        row["notes"].append(compare_rates(mine["rates"], theirs["rates"]))
    row["notes"].append(compare_sizes(mine["params"], theirs["params"]))
    row["notes"] = [n for n in row["notes"] if n]
    return row


def memory_slope(a, peer=None):
    """One row: bytes per neuron, step and sample by which the peak grows with time, less the input.
    A tool that does not state `input_bytes` has nothing taken off."""
    row = dict(work="memory", peer=peer or "cortado", bar=None if peer else MEMORY_BAR, passed=None, notes=[])
    try:
        short, long = ends = [
            run_peer(a, peer, "lif_fwd_bwd.py", [*sizes, "--repeats", "1", "--budget", "0"], a.threads, MEMORY_ENV)
            if peer else run_cortado(a, "lif-fwd-bwd", sizes, a.threads, MEMORY_ENV)
            for sizes in (["--n", str(MEMORY_N), "--t", str(t)] for t in MEMORY_T)]
    except Failed as e:
        row["failed"] = str(e)
        return row
    if any("input_bytes" not in r for r in ends):
        row["notes"].append("input not taken off")
    grown = (long["peak_rss_mb"] - short["peak_rss_mb"]) * (1 << 20)
    grown -= long.get("input_bytes", 0) - short.get("input_bytes", 0)
    batch = long["params"].get("batch", MEMORY_BATCH)
    row.update(peak_rss_mb=[r["peak_rss_mb"] for r in ends],
               bytes=grown / (MEMORY_N * (MEMORY_T[1] - MEMORY_T[0]) * batch))
    if not peer:
        row["passed"] = row["bytes"] <= MEMORY_BAR
        for r, t in zip(ends, MEMORY_T):
            row["notes"].append(compare_sizes(r["params"], {"n": MEMORY_N, "t": t, "batch": MEMORY_BATCH}))
        row["notes"] = [n for n in row["notes"] if n]
    return row


def cpu_model():
    try:
        with open("/proc/cpuinfo") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def load():
    return [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None


def verdict(row):
    if not row["bar"]:
        return "-"
    return {True: "pass", False: "**FAIL**", None: "not judged"}[row["passed"]]


def ms(s):
    return f"{s * 1e3:.1f}" if s >= 0.01 else f"{s * 1e3:.3f}"


def print_tables(rows, machine):
    speed = [r for r in rows if r["work"] != "memory"]
    memory = [r for r in rows if r["work"] == "memory"]
    if speed:
        print("| work (threads) | peer | ms | Cortado ms | ratio | bar | | rates: peer; Cortado | |")
        print("|---|---|---:|---:|---:|---:|---|---|---|")
    for r in speed:
        start = f"| {r['work']} ({r['threads']}) | {title(r['peer'], r.get('fastest'))} "
        bar = f"{r['bar']}x" if r["bar"] else "-"
        if "failed" in r:
            print(f"{start}| - | - | - | {bar} | **FAILED** | - | {r['failed']} |")
            continue
        print(f"{start}| {ms(r['peer_s'])} | {ms(r['cortado_s'])} | {r['ratio']:.1f}x | {bar} | {verdict(r)} "
              f"| {show_rates(r['peer_rates'])}; {show_rates(r['cortado_rates'])} | {'; '.join(r['notes'])} |")
    if memory:
        print(f"{chr(10) if speed else ''}Growth of the peak of lif-fwd-bwd (n {MEMORY_N}) with time, less the input\n")
        print(f"| tool | peak MiB at T {MEMORY_T[0]} | at T {MEMORY_T[1]} | bytes per neuron, step and sample | bar | | |")
        print("|---|---:|---:|---:|---:|---|---|")
    for r in memory:
        name = "Cortado" if r["peer"] == "cortado" else title(r["peer"])
        if "failed" in r:
            print(f"| {name} | - | - | - | - | **FAILED** | {r['failed']} |")
            continue
        low, high = r["peak_rss_mb"]
        bar = f"at most {r['bar']:g}" if r["bar"] else "-"
        print(f"| {name} | {low:.0f} | {high:.0f} | {r['bytes']:.2f} | {bar} | {verdict(r)} | {'; '.join(r['notes'])} |")
    print(f"\nMachine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}; "
          f"load {machine['load_before']} before, {machine['load_after']} after.")
    versions = sorted({r["version"] for r in speed if r.get("version")})
    if versions:
        print("Peers: " + "; ".join(versions) + f"; Python {machine['peers_python']}.")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    peers = sorted({q for w in WORKS.values() for q in [*w[4], *w[5]]})
    p.add_argument("--work", nargs="+", choices=["lif-fwd-bwd", *WORKS, "memory"], help="default: all of them")
    p.add_argument("--peer", nargs="+", choices=peers, help="only these peers")
    p.add_argument("--threads", type=int, default=2, help="`infer` always takes one")
    p.add_argument("--rounds", type=int, default=4, help="how often Cortado and a peer alternate, at least 2")
    p.add_argument("--repeats", type=int, help="timed repeats at least in each run of a peer")
    p.add_argument("--busy", type=float, default=0.25,
                   help="cores that others may take beyond the idle ones; above, no bar is judged")
    p.add_argument("--cortado", default=str(ROOT / "target/release/cortado"), help="default: target/release/cortado")
    p.add_argument("--python", help="the peers' interpreter (default: .venv/bin/python if there, else this one)")
    p.add_argument("--json", action="store_true", help="print one JSON object in place of the tables")
    a = p.parse_args()
    if a.rounds < 2:
        p.error("--rounds: at least 2, so that noise hits both sides")
    works = a.work or [*WORKS, "memory"]
    if "lif-fwd-bwd" in works:
        both = [w for w in WORKS if w.startswith("lif-fwd-bwd-")]
        works = both + [w for w in works if w != "lif-fwd-bwd" and w not in both]

    if not shutil.which(a.cortado):
        print(f"compare.py: no Cortado binary at {a.cortado}\n"
              "Build it with `cargo build --release`, or name another with --cortado PATH.", file=sys.stderr)
        return 2
    a.cortado = shutil.which(a.cortado)
    own = ROOT / ".venv/bin/python"
    a.python = a.python or (str(own) if own.exists() else sys.executable)
    probe = "import numpy, platform; print(platform.python_version())"
    try:
        asked = subprocess.run([a.python, "-c", probe], capture_output=True, text=True)
    except OSError as e:
        print(f"compare.py: cannot start {a.python}: {e}", file=sys.stderr)
        return 2
    if asked.returncode:
        print(f"compare.py: {a.python} has no numpy, so it is not the peers' interpreter.\n"
              "Install bench/peers/requirements.txt and name its interpreter with --python PATH.", file=sys.stderr)
        return 2
    machine = dict(cpu=cpu_model(), cores=os.cpu_count(), system=f"{platform.system()} {platform.machine()}",
                   peers_python=asked.stdout.strip(), load_before=load())

    rows = []
    for name in works:
        print(name, file=sys.stderr)
        if name == "memory":
            rows.append(memory_slope(a))
            rows += [memory_slope(a, q) for q in MEMORY_PEERS
                     if not a.peer or q in a.peer or (q in SPYX and "spyx" in a.peer)]
            continue
        bars, others = WORKS[name][4:]
        rows += [compare_speed(a, name, q, bars.get(q)) for q in [*bars, *others] if not a.peer or q in a.peer]
    machine["load_after"] = load()

    if a.json:
        print(json.dumps(dict(machine=machine, rows=rows), indent=1))
    else:
        print_tables(rows, machine)
    return 1 if any("failed" in r or (r["bar"] and not r["passed"]) for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
