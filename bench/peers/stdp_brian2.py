"""stdp: N Poisson inputs onto M LIF neurons through additive pair STDP; Brian2's compiled C++ beside Cortado, in turns.

    pip install brian2
    cargo build --release -p cortado-local --example stdp_speed
    python bench/peers/stdp_brian2.py --cortado target/release/examples/stdp_speed

The same equations, step (0.1 ms) and statistics; random numbers differ. Brian2's `run` is what its binary says the run took,
without compiling, loading and writing; `with_compile` is all of it. Bars: 3 times without, 6 times with."""
import argparse
import json
import statistics
import subprocess
import tempfile
import time

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--cortado", required=True, help="the example stdp_speed, built for release")
p.add_argument("--seconds", type=float, default=100.0, help="model time")
p.add_argument("--repeats", type=int, default=3)
a = p.parse_args()

start = time.perf_counter()
import brian2 as b

folder = tempfile.mkdtemp()
b.set_device("cpp_standalone", directory=folder, build_on_run=False)
b.defaultclock.dt = 0.1 * b.ms
b.seed(0)
N, M, rate, top = 1000, 100, 15 * b.Hz, 0.01
tau, tau_mem = 20 * b.ms, 20 * b.ms
inputs = b.PoissonGroup(N, rate)
neurons = b.NeuronGroup(M, "dv/dt = -v / tau_mem : 1", threshold="v > 1", reset="v = 0", method="exact")
synapses = b.Synapses(
    inputs, neurons,
    """w : 1
       dx/dt = -x / tau : 1 (event-driven)
       dy/dt = -y / tau : 1 (event-driven)""",
    on_pre="""v_post += w
              w = clip(w - a_minus * y, 0, top)
              x += 1""",
    on_post="""w = clip(w + a_plus * x, 0, top)
               y += 1""",
    namespace=dict(a_plus=0.01 * top, a_minus=0.0105 * top, top=top, tau=tau))
synapses.connect()
synapses.w = "rand() * top"
fired, came = b.SpikeMonitor(neurons, record=False), b.SpikeMonitor(inputs, record=False)
b.run(a.seconds * b.second)
b.device.build(run=False, compile=True, directory=folder)
built = time.perf_counter() - start


def brian():
    start = time.perf_counter()
    b.device.run(directory=folder, with_output=False, run_args=[])
    return b.device._last_run_time, time.perf_counter() - start


def cortado():
    out = subprocess.run([a.cortado, str(a.seconds)], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


theirs, ours = [], []
for _ in range(a.repeats):
    ours.append(cortado())
    theirs.append(brian())
run = statistics.median(t[0] for t in theirs)
whole = built + statistics.median(t[1] for t in theirs)
mine = statistics.median(o["seconds"] for o in ours)
print(json.dumps(dict(
    work="stdp", brian2=b.__version__, model_seconds=a.seconds, repeats=a.repeats,
    cortado_s=mine, brian2_run_s=run, brian2_compile_s=built, ratio=run / mine, ratio_with_compile=whole / mine,
    rate=dict(cortado=ours[0]["rate"], brian2=fired.num_spikes / a.seconds / M),
    input_rate=dict(cortado=ours[0]["input_rate"], brian2=came.num_spikes / a.seconds / N),
    mean_weight=dict(cortado=ours[0]["mean_weight"], brian2=float(synapses.w[:].mean()) / top))))
