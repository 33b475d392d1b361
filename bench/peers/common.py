"""Arguments, random inputs, timing and the JSON line, shared by the scripts of this folder."""
import argparse
import json
import resource
import statistics
import sys
import time
from importlib.metadata import version

import numpy as np

PACKAGE = {"spyx-hoist": "spyx", "norse-lif": "norse", "gemm-only": "torch", "torch-hand": "torch",
           "torch-fused": "torch", "torch-compile": "torch"}


def arguments(doc, peers, infer=False, **sizes):
    """The command line: --peer, --threads, --repeats, --budget and one option for each size."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peer", required=True, choices=peers)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--repeats", type=int, default=7, help="timed repeats at least")
    p.add_argument("--budget", type=float, default=2.5, help="go on repeating for this many seconds")
    for name, value in sizes.items():
        p.add_argument("--" + name, type=type(value), default=value)
    if infer:
        p.add_argument("--infer", action="store_true", help="forward only, one sample")
    a = p.parse_args()
    a.infer = infer and a.infer
    if a.infer:
        a.batch = 1
    a.params = {name: getattr(a, name) for name in sizes}
    return a


def normal(rng, *shape, std):
    return (rng.standard_normal(shape) * std).astype(np.float32)


def bernoulli(rng, *shape, p):
    """Spikes as f32, drawn step by step so that no f64 array of the whole input adds to the peak."""
    x = np.empty(shape, np.float32)
    for step in x:
        step[...] = rng.random(shape[1:]) < p
    return x


def seconds(step, a, warmup=2, most=500):
    """Seconds of each timed call of step(): at least a.repeats, more within a.budget. The first
    element of the answer is the first call (compilation included), which is not timed otherwise."""
    t0 = time.perf_counter()
    step()
    first = time.perf_counter() - t0
    for _ in range(warmup):
        step()
    took, start = [], time.perf_counter()
    while len(took) < a.repeats or (time.perf_counter() - start < a.budget and len(took) < most):
        t0 = time.perf_counter()
        step()
        took.append(time.perf_counter() - t0)
    return first, took


def peak_rss_mb():
    """Peak resident memory of this process, in MiB."""
    try:
        with open("/proc/self/status") as f:
            return round(next(int(s.split()[1]) for s in f if s.startswith("VmHWM")) / 1024, 1)
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def emit(work, a, first, took, rates, input_bytes):
    package, base = PACKAGE.get(a.peer, a.peer), "jax" if a.peer.startswith("spyx") else "torch"
    text = f"{package} {version(package)}" + (f", {base} {version(base)}" if package != base else "")
    print(json.dumps(dict(
        work=work, peer=a.peer, version=text, params=a.params,
        median_s=round(statistics.median(took), 7), min_s=round(min(took), 7), first_s=round(first, 3),
        peak_rss_mb=peak_rss_mb(), input_bytes=input_bytes, threads=a.threads, repeats=len(took),
        rates={k: round(v, 5) for k, v in rates.items()})), flush=True)
