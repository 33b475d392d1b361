"""Networks of four frameworks as their own exporters write them to NIR, and what the networks themselves do:
crates/convert/tests/data/nir/PRODUCER-NAME.nir and .json.

    pip install norse==1.1.0 snntorch==1.0.0 spikingjelly==2.0.0 sinabs==2.0.3 nir==1.0.8 nirtorch==2.6 torch==2.15.0
    python tests/oracle/nir_producers.py crates/convert/tests/data/nir

Each network is run on spikes and, apart from that, on real currents. Exporters that fail are written down in
`FAILURES.json` with their words. `reference-lif` is the LIF of the NIR repository (paper/01_lif): tau 2.5 ms, R 1,
threshold 0.1, reset by subtraction, 1010 steps of 0.1 ms; its spikes come from the closed form of the membrane, solved
here.
"""

import importlib.metadata as metadata
import json
import math
import pathlib
import sys
import warnings

import nir
import numpy as np
import torch
from torch import nn

STEPS = 40
OUT = pathlib.Path(sys.argv[1])
warnings.filterwarnings("ignore")


def inputs(shape, kind, seed):
    """`[STEPS, *shape]`"""
    draw = np.random.default_rng(seed)
    if kind == "spikes":
        return (draw.random((STEPS, *shape)) < 0.4).astype(np.float32)
    return np.round(draw.normal(0.3, 0.8, (STEPS, *shape)), 3).astype(np.float32)


def weights(net, seed, gain):
    """Normal weights and biases, large enough to spike."""
    torch.manual_seed(seed)
    for name, p in net.named_parameters():
        if name.endswith("weight") and p.dim() > 1:
            fan = p[0].numel()
            p.data = torch.randn_like(p) * gain / math.sqrt(fan) + 0.6 * gain / fan
        elif name.endswith("bias"):
            p.data = torch.randn_like(p) * 0.05 * gain


def trains(z):
    """Spike times of each neuron of `[STEPS, neurons]`."""
    assert set(np.unique(z)) <= {0.0, 1.0}, np.unique(z)
    return [[int(t) for t in np.flatnonzero(z[:, j])] for j in range(z.shape[1])]


class Network:
    """A network of a framework: `build()` gives it at rest, `step(net, x, state)` what its layers hand on."""

    def __init__(self, producer, name, shape, dt, theirs, build, step, export, layers, seed=3):
        self.producer, self.name, self.shape, self.dt, self.theirs = producer, name, shape, dt, theirs
        self.build, self.step, self.export, self.layers, self.seed = build, step, export, layers, seed

    def write(self):
        graph = self.export(self.build())
        path = OUT / f"{self.producer}-{self.name}"
        nir.write(path.with_suffix(".nir"), graph)
        nodes = set(nir.read(path.with_suffix(".nir")).nodes)
        runs = {}
        for kind in ("spikes", "currents"):
            x = inputs(self.shape, kind, self.seed)
            net, state, record = self.build(), None, []
            with torch.no_grad():
                for t in range(STEPS):
                    out, state = self.step(net, torch.tensor(x[t])[None], state)
                    record.append([np.asarray(o).reshape(-1).astype(float) for o in out])
            flat = x.reshape(STEPS, -1)
            layers = {}
            for i, layer in enumerate(self.layers):
                assert layer.split("/")[0] in nodes, (layer, nodes)
                values = np.array([r[i] for r in record])
                if layer.endswith("/v"):
                    layers[layer[:-2]] = {"v": [[float(f"{v:.9g}") for v in row] for row in values]}
                else:
                    layers[layer] = {"spikes": trains(values)}
            given = [[int(i) for i in np.flatnonzero(row)] for row in flat] if kind == "spikes" else \
                [[round(float(v), 3) for v in row] for row in flat]
            runs[kind] = {"input": given, "layers": layers}
        head = {"producer": self.producer, "version": metadata.version(self.producer), "nir": metadata.version("nir"),
                "nirtorch": metadata.version("nirtorch"), "name": self.name, "theirs": self.theirs, "dt": self.dt,
                "shape": list(self.shape), "steps": STEPS}
        with open(path.with_suffix(".json"), "w") as f:
            f.write("{\n" + "\n".join(f' "{k}": {json.dumps(v)},' for k, v in head.items()))
            f.write('\n "runs": {\n' + ",\n".join(f'  "{k}": {json.dumps(v)}' for k, v in runs.items()) + "\n }\n}\n")
        counts = {k: {n: sum(map(len, v["spikes"])) if "spikes" in v else "v" for n, v in r["layers"].items()}
                  for k, r in runs.items()}
        print(path.name, {n: type(v).__name__ for n, v in graph.nodes.items()}, graph.edges, counts)


def tapped(net, kinds):
    """The modules of those kinds in order, each keeping what it last handed on in `.last`."""
    found = [m for m in net.modules() if isinstance(m, kinds)]
    for m in found:
        m.register_forward_hook(lambda m, _, out: setattr(m, "last", out[0] if isinstance(out, tuple) else out))
    return found


def snntorch():
    import snntorch as snn
    from snntorch.export_nir import export_to_nir

    kinds = (snn.Leaky, snn.Synaptic, snn.RLeaky, snn.RSynaptic)

    def make(layers, seed, gain=2.0):
        def build():
            torch.manual_seed(0)
            net = nn.Sequential(*layers())
            weights(net, seed, gain)
            net.found = tapped(net, kinds)
            return net
        return build

    def step(net, x, state):
        net(x)
        return [m.last for m in net.found], None

    def case(name, shape, layers, names, theirs, seed):
        export = lambda net: export_to_nir(net, torch.zeros(1, *shape), ignore_dims=[0])
        return Network("snntorch", name, shape, 1e-4, theirs, make(layers, seed), step, export, names, seed)

    # With one number for a whole layer the exporter's own inference of types fails.
    full = lambda v, *n: torch.full(n, v)
    leaky = lambda beta, *n, threshold=1.0, **more: snn.Leaky(beta=full(beta, *n), threshold=full(threshold, *n), init_hidden=True, **more)
    each = lambda: snn.Leaky(beta=torch.linspace(0.5, 0.95, 10), threshold=torch.linspace(0.5, 1.5, 10), init_hidden=True)
    yield case("scalar", (6,), lambda: [nn.Linear(6, 10), snn.Leaky(beta=torch.tensor(0.9), init_hidden=True)], ["1"], {"class": "Leaky"}, 3)
    yield case("lif", (6,), lambda: [nn.Linear(6, 10), each(), nn.Linear(10, 4, bias=False), leaky(0.8, 4, threshold=0.7)],
               ["1", "3"], {"class": "Leaky", "beta": "one for each neuron", "reset_mechanism": "subtract"}, 3)
    yield case("lif-zero", (6,), lambda: [nn.Linear(6, 10), leaky(0.9, 10, reset_mechanism="zero"), nn.Linear(10, 4),
                                          leaky(0.8, 4, threshold=0.5, reset_mechanism="zero")],
               ["1", "3"], {"class": "Leaky", "reset_mechanism": "zero"}, 11)
    synaptic = lambda a, b, n: snn.Synaptic(alpha=full(a, n), beta=full(b, n), threshold=full(1.0, n), init_hidden=True)
    yield case("synaptic", (6,), lambda: [nn.Linear(6, 10), synaptic(0.7, 0.9, 10), nn.Linear(10, 4), synaptic(0.5, 0.8, 4)],
               ["1", "3"], {"class": "Synaptic", "reset_mechanism": "subtract"}, 6)
    yield case("recurrent", (6,), lambda: [nn.Linear(6, 8), snn.RLeaky(beta=torch.tensor(0.85), linear_features=8, init_hidden=True),
                                           nn.Linear(8, 4), leaky(0.8, 4)],
               ["1.lif", "3"], {"class": "RLeaky", "reset_mechanism": "subtract"}, 7)
    yield case("recurrent-synaptic", (6,), lambda: [nn.Linear(6, 8), snn.RSynaptic(alpha=torch.tensor(0.6), beta=torch.tensor(0.85),
                                                    linear_features=8, init_hidden=True), nn.Linear(8, 4), leaky(0.8, 4)],
               ["1.lif", "3"], {"class": "RSynaptic", "reset_mechanism": "subtract"}, 8)
    yield case("conv", (2, 6, 6), lambda: [nn.Conv2d(2, 4, 3, padding=1), leaky(0.8, 4, 6, 6), nn.AvgPool2d(2), nn.Conv2d(4, 4, 3, stride=2),
                                           leaky(0.9, 4, 1, 1), nn.Flatten(), nn.Linear(4, 4), leaky(0.8, 4)],
               ["1", "4", "7"], {"class": "Leaky", "reset_mechanism": "subtract"}, 9)


def norse():
    import norse.torch as norse
    from norse.torch.functional.iaf import IAFParameters
    from norse.torch.functional.leaky_integrator_box import LIBoxParameters
    from norse.torch.functional.lif import LIFParameters
    from norse.torch.functional.lif_box import LIFBoxParameters
    from norse.torch.module.iaf import IAFCell
    from norse.torch.module.leaky_integrator_box import LIBoxCell
    from norse.torch.utils.export_nir import to_nir

    dt, number = 1e-3, lambda v, n: torch.full((n,), v)
    kinds = (norse.LIFCell, norse.LIFBoxCell, LIBoxCell, IAFCell)

    def make(layers, seed, gain):
        def build():
            torch.manual_seed(0)
            net = norse.SequentialState(*layers())
            weights(net, seed, gain)
            net.found = tapped(net, kinds)
            return net
        return build

    def step(net, x, state):
        _, state = net(x, state)
        return [m.last for m in net.found], state

    def case(name, shape, layers, names, theirs, seed, gain):
        
        def export(net):
            # With a batch, its axis is written as one of the input's; the shapes inside of convolutions are left to be inferred.
            graph = to_nir(net, torch.zeros(*shape), dt=dt)
            graph.infer_types()
            return graph

        return Network("norse", name, shape, dt, theirs, make(layers, seed, gain), step, export, names, seed)

    box = lambda n, tau_inv, th: norse.LIFBoxCell(LIFBoxParameters(tau_mem_inv=number(tau_inv, n), v_leak=number(0.0, n), v_th=number(th, n),
                                                                   v_reset=number(0.0, n)))
    li = lambda n: LIBoxCell(LIBoxParameters(tau_mem_inv=number(100.0, n), v_leak=number(0.1, n)))
    yield case("box", (6,), lambda: [nn.Linear(6, 10), box(10, 200.0, 0.5), nn.Linear(10, 4), li(4)],
               ["1", "3/v"], {"class": "LIFBoxCell and LIBoxCell"}, 4, 4.0)
    lif = lambda n: norse.LIFCell(LIFParameters(tau_syn_inv=number(200.0, n), tau_mem_inv=number(100.0, n), v_leak=number(0.05, n),
                                                v_th=number(0.6, n), v_reset=number(0.0, n)))
    yield case("lif", (6,), lambda: [nn.Linear(6, 10), lif(10), nn.Linear(10, 4), lif(4)],
               ["1", "3"], {"class": "LIFCell"}, 5, 3.0)
    iaf = lambda *n: IAFCell(IAFParameters(v_th=torch.full(n, 1.0), v_reset=torch.zeros(n)))
    yield case("conv", (2, 6, 6), lambda: [nn.Conv2d(2, 3, 3, padding=1), iaf(3, 6, 6), nn.Conv2d(3, 4, 3, stride=2), iaf(4, 2, 2)],
               ["1", "3"], {"class": "IAFCell"}, 6, 1.0)
    rec = lambda: norse.LIFRecurrentCell(6, 8)
    yield case("recurrent", (6,), lambda: [rec(), nn.Linear(8, 4), box(4, 100.0, 0.3)], ["0", "2"], {"class": "LIFRecurrentCell"}, 7, 3.0)


def spikingjelly():
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    dt = 1e-4
    kinds = (neuron.LIFNode, neuron.IFNode, neuron.ParametricLIFNode, neuron.CUBALIFNode)

    def make(layers, seed, gain):
        def build():
            torch.manual_seed(0)
            net = nn.Sequential(*layers())
            weights(net, seed, gain)
            net.found = tapped(net, kinds)
            return net
        return build

    def step(net, x, state):
        net(x)
        return [m.last for m in net.found], None

    def case(name, shape, layers, names, theirs, seed, gain):
        export = lambda net: export_to_nir(net, torch.zeros(1, *shape), dt=dt)
        return Network("spikingjelly", name, shape, dt, theirs, make(layers, seed, gain), step, export, names, seed)

    yield case("lif", (6,), lambda: [layer.Linear(6, 10), neuron.LIFNode(tau=2.0, v_threshold=0.8), layer.Linear(10, 4, bias=False),
                                     neuron.LIFNode(tau=4.0, decay_input=False, v_reset=-0.25)],
               ["_1", "_3"], {"class": "LIFNode", "decay_input": "both"}, 3, 2.0)
    yield case("parametric", (6,), lambda: [layer.Linear(6, 10), neuron.ParametricLIFNode(init_tau=3.0), layer.Linear(10, 4), neuron.IFNode()],
               ["_1", "_3"], {"class": "ParametricLIFNode and IFNode"}, 11, 4.0)
    yield case("cuba", (6,), lambda: [layer.Linear(6, 10), neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75), layer.Linear(10, 4),
                                      neuron.CUBALIFNode(c_decay=0.25, v_decay=0.5)],
               ["_1", "_3"], {"class": "CUBALIFNode"}, 5, 1.5)
    yield case("conv", (2, 6, 6), lambda: [layer.Conv2d(2, 4, 3, padding=1), neuron.IFNode(), layer.AvgPool2d(2), layer.Conv2d(4, 4, 3, stride=2),
                                           neuron.LIFNode(tau=2.0, v_threshold=0.3), layer.Flatten(), layer.Linear(4, 4),
                                           neuron.LIFNode(tau=2.0, v_threshold=0.3)],
               ["_1", "_4", "_7"], {"class": "IFNode and LIFNode"}, 6, 1.6)

    def recurrent():
        return [layer.Linear(6, 8), layer.LinearRecurrentContainer(neuron.LIFNode(tau=2.0), 8, 8), layer.Linear(8, 4), neuron.LIFNode()]

    yield case("recurrent", (6,), recurrent, ["_1", "_3"], {"class": "LinearRecurrentContainer"}, 7, 2.0)
    yield case("soft", (6,), lambda: [layer.Linear(6, 8), neuron.LIFNode(v_reset=None)], ["_1"], {"class": "LIFNode", "v_reset": None}, 7, 2.0)


def sinabs():
    import sinabs.layers as sl
    from sinabs.activation import SingleSpike
    from sinabs.nir import to_nir

    kinds = (sl.LIF, sl.IAF, sl.ExpLeak, sl.LIFRecurrent)

    def make(layers, seed, gain):
        def build():
            torch.manual_seed(0)
            net = nn.Sequential(*layers())
            weights(net, seed, gain)
            net.found = tapped(net, kinds)
            return net
        return build

    def step(net, x, state):
        net(x)
        return [m.last for m in net.found], None

    def case(name, shape, layers, names, theirs, seed, gain):
        def export(net):
            graph = to_nir(net, torch.zeros(1, *shape))
            graph.infer_types()  # the shapes inside of convolutions are left to be inferred
            return graph
        return Network("sinabs", name, shape, 1e-3, theirs, make(layers, seed, gain), step, export, names, seed)

    single = {"spike_fn": SingleSpike}
    lif = lambda n, tau, **more: sl.LIFSqueeze(tau_mem=torch.full((n,), tau), spike_threshold=torch.full((n,), 1.0), batch_size=1, **(single | more))
    yield case("lif-whole", (6,), lambda: [nn.Linear(6, 10), lif(10, 10.0, norm_input=False), nn.Linear(10, 4), lif(4, 20.0, norm_input=False)],
               ["1", "3"], {"class": "LIFSqueeze", "norm_input": False, "spike_fn": "SingleSpike"}, 11, 2.5)
    leak = lambda n: sl.ExpLeakSqueeze(tau_mem=torch.full((n,), 8.0), batch_size=1)
    yield case("lif", (6,), lambda: [nn.Linear(6, 10), lif(10, 10.0), nn.Linear(10, 4), leak(4)],
               ["1", "3/v"], {"class": "LIFSqueeze and ExpLeakSqueeze", "norm_input": True, "spike_fn": "SingleSpike"}, 5, 6.0)
    iaf = lambda: sl.IAFSqueeze(batch_size=1, **single)
    yield case("conv", (2, 6, 6), lambda: [nn.Conv2d(2, 4, 3, padding=1, bias=False), iaf(), sl.SumPool2d(2), nn.Conv2d(4, 4, 3, stride=2, bias=False),
                                           iaf(), nn.Flatten(), nn.Linear(4, 4), iaf()],
               ["1", "4", "7"], {"class": "IAFSqueeze", "spike_fn": "SingleSpike"}, 6, 0.6)

    def recurrent():
        return [nn.Linear(6, 8), sl.LIFRecurrent(tau_mem=10.0, rec_connect=nn.Linear(8, 8), **single), nn.Linear(8, 4), lif(4, 5.0)]

    yield case("recurrent", (6,), recurrent, ["1", "3"], {"class": "LIFRecurrent"}, 7, 6.0)


def reference():
    """The LIF of the NIR repository, between steps by its closed form."""
    tau, threshold, dt = 2.5e-3, 0.1, 1e-4
    ones = [6, 22, 27, 31, 32, 35, 37, 40, 41, *range(43, 54), *range(68, 80), 85, 86]
    x = np.zeros(1010)
    x[10 * np.array(ones)] = 1.0
    v, spikes, trace = 0.0, [], []
    for t, current in enumerate(x):
        left = dt
        while current > threshold:
            wait = tau * math.log((current - v) / (current - threshold))
            if wait > left:
                break
            spikes.append(t * dt + dt - left + wait)
            v, left = 0.0, left - wait
        v = current + (v - current) * math.exp(-left / tau)
        trace.append(v)
    one = np.ones(1)
    graph = nir.NIRGraph(
        {"input": nir.Input({"input": np.array([1])}), "0": nir.Affine(np.ones((1, 1)), np.zeros(1)),
         "1": nir.LIF(tau=tau * one, r=one, v_leak=0 * one, v_threshold=threshold * one), "output": nir.Output({"output": np.array([1])})},
        [("input", "0"), ("0", "1"), ("1", "output")])
    nir.write(OUT / "reference-lif.nir", graph)
    with open(OUT / "reference-lif.json", "w") as f:
        json.dump({"producer": "reference", "nir": metadata.version("nir"), "name": "lif", "dt": dt, "steps": len(x),
                   "input": np.flatnonzero(x).tolist(), "spikes": spikes, "v": [float(f"{u:.9g}") for u in trace]}, f)
        f.write("\n")
    print("reference-lif", [round(s / dt, 3) for s in spikes])


def main():
    failures = {}
    for make in (snntorch, norse, spikingjelly, sinabs):
        for case in make():
            try:
                case.write()
            except Exception as e:
                for suffix in (".nir", ".json"):
                    (OUT / f"{case.producer}-{case.name}").with_suffix(suffix).unlink(missing_ok=True)
                failures[f"{case.producer}-{case.name}"] = f"{type(e).__name__}: {e}"[:300]
                print(case.producer, case.name, "FAILED", type(e).__name__, str(e)[:300])
    reference()
    with open(OUT / "FAILURES.json", "w") as f:
        json.dump(failures, f, indent=1)
        f.write("\n")


main()
