"""NeuroBench's own counts of small snnTorch networks, for crates/core/tests/neurobench_golden.rs.

Needs neurobench 2.3, snntorch and torch. One sample at a time, because NeuroBench asks of a whole batch whether a step is
binary. Writes JSON: networks in the words of a recipe, weights, inputs, counts.

    python tests/oracle/neurobench_counts.py > crates/core/tests/data/neurobench.json
"""

import json
import math
import sys

import snntorch as snn
import torch
from neurobench.metrics.static import ConnectionSparsity
from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, NeuronOperations, SynapticOperations
from neurobench.models import SNNTorchModel
from torch import nn

BETA = 0.875
DT = 1e-3


def leaky():
    return snn.Leaky(beta=BETA, threshold=1.0, init_hidden=True, reset_mechanism="subtract")


class Chain(nn.Module):
    """Modules one after the other; the last one is a spiking population."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x, None

    def reset(self):
        for layer in self.layers:
            if isinstance(layer, snn.SpikingNeuron):
                layer.mem = torch.zeros(0)
                layer.reset_mem()


class Recurrent(nn.Module):
    """A population with weights onto itself, one step late."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden, bias=False)
        self.rec = nn.Linear(hidden, hidden, bias=False)
        self.hidden = leaky()
        self.fc2 = nn.Linear(hidden, outputs, bias=False)
        self.out = leaky()
        self.spikes = None

    def forward(self, x):
        if self.spikes is None:
            self.spikes = torch.zeros(x.shape[0], self.rec.in_features)
        self.spikes = self.hidden(self.fc1(x) + self.rec(self.spikes))
        return self.out(self.fc2(self.spikes)), None

    def reset(self):
        self.spikes = None
        for layer in (self.hidden, self.out):
            layer.mem = torch.zeros(0)
            layer.reset_mem()


def grid(weight, scale, prune):
    """Weights on a grid of 1/64, so that sums are exact in any order; some of them zero."""
    w = torch.round(torch.randn_like(weight) * scale * 64) / 64
    return w * (torch.rand_like(w) > prune)


def counts(net, samples):
    model = SNNTorchModel(net)
    model.register_hooks()
    metrics = {m.__name__: m() for m in (SynapticOperations, MembraneUpdates, NeuronOperations)}
    zeros, per_sample, spikes = [], [], []
    for x in samples:
        model.reset_hooks()
        with torch.no_grad():
            out = model(x[None])
        spikes.append(int(out.sum()))
        data = (x[None], None)
        values = {name: m(model, out, data) for name, m in metrics.items()}
        zeros.append(ActivationSparsity()(model, out, data))
        per_sample.append(values["SynapticOperations"])
    return {
        "synaptic_operations": values["SynapticOperations"],
        "membrane_updates": values["MembraneUpdates"],
        "neuron_operations": values["NeuronOperations"],
        "activation_sparsity": sum(zeros) / len(zeros),
        "connection_sparsity": ConnectionSparsity()(model),
        "parameter_bytes": sum(p.numel() * p.element_size() for p in net.parameters() if p.requires_grad),
        "output_spikes": spikes,
    }


def population(name):
    params = {"tau_mem": -DT / math.log(BETA)}
    return {"name": name, "type": "population", "neuron": "lif", "reset": "subtract", "params": params}


def case(name, shape, net, nodes, weights, samples):
    return {
        "name": name,
        "shape": shape,
        "network": {"dt": DT, "nodes": nodes},
        "weights_in_64ths": {key: (64 * w.weight).int().flatten().tolist() for key, w in weights.items()},
        "steps": samples.shape[1],
        "inputs_in_4ths": (4 * samples).int().flatten(1).tolist(),
        "neurobench": counts(net, samples),
    }


def fill(layers, prune, scale=0.6):
    for layer in layers:
        layer.weight.data = grid(layer.weight, scale, prune)


def dense():
    fc1, fc2 = nn.Linear(13, 70, bias=False), nn.Linear(70, 5, bias=False)
    fill((fc1, fc2), 0.3)
    net = Chain(fc1, leaky(), fc2, leaky())
    nodes = [{"name": "fc1", "type": "linear", "n": 70}, population("a"),
             {"name": "fc2", "type": "linear", "n": 5}, population("b")]
    x = (torch.rand(3, 9, 13) < 0.2).float()
    return case("dense, spikes, pruned", [13], net, nodes, {"fc1": fc1, "fc2": fc2}, x)


def current():
    fc1, fc2 = nn.Linear(6, 20, bias=False), nn.Linear(20, 4, bias=False)
    fill((fc1, fc2), 0.0)
    net = Chain(fc1, leaky(), fc2, leaky())
    nodes = [{"name": "fc1", "type": "linear", "n": 20}, population("a"),
             {"name": "fc2", "type": "linear", "n": 4}, population("b")]
    x = torch.tensor([[0.0, 0.25, 1.0, 0.5, 0.0, 0.75], [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]])
    x = x[:, None].repeat(1, 7, 1)
    return case("dense, a constant current, once graded and once of ones", [6], net, nodes, {"fc1": fc1, "fc2": fc2}, x)


def recurrent():
    net = Recurrent(11, 30, 3)
    fill((net.fc1, net.rec, net.fc2), 0.1)
    nodes = [{"name": "fc1", "type": "linear", "n": 30}, {"name": "rec", "type": "linear", "from": ["a"]},
             {**population("a"), "from": ["fc1", "rec"]}, {"name": "fc2", "type": "linear", "n": 3}, population("b")]
    x = (torch.rand(2, 12, 11) < 0.3).float()
    return case("recurrent", [11], net, nodes, {"fc1": net.fc1, "rec": net.rec, "fc2": net.fc2}, x)


def conv(name, pool, kind):
    c1 = nn.Conv2d(2, 6, (3, 2), stride=(1, 2), padding=(1, 1), bias=False)
    c2 = nn.Conv2d(6, 8, 2, groups=2, padding=1, bias=False)
    fc = nn.Linear(8 * 5 * 4, 3, bias=False)
    fill((c1, c2, fc), 0.2)
    net = Chain(c1, leaky(), pool, c2, leaky(), nn.Flatten(), fc, leaky())
    nodes = [{"name": "c1", "type": "conv2d", "channels": 6, "kernel": [3, 2], "stride": [1, 2], "padding": [1, 1]},
             population("a"), {"name": "p", "type": kind, "kernel": 2},
             {"name": "c2", "type": "conv2d", "channels": 8, "kernel": 2, "groups": 2, "padding": 1}, population("b"),
             {"name": "flat", "type": "flatten"}, {"name": "fc", "type": "linear", "n": 3}, population("r")]
    x = (torch.rand(2, 5, 2, 8, 12) < 0.15).float()
    return case(name, [2, 8, 12], net, nodes, {"c1": c1, "c2": c2, "fc": fc}, x)


def main():
    torch.manual_seed(1)
    cases = [dense(), current(), recurrent(),
             conv("convolutions, borders, stride, groups, maximum", nn.MaxPool2d(2), "max_pool2d"),
             conv("convolutions, mean", nn.AvgPool2d(2), "avg_pool2d")]
    json.dump({"neurobench": "2.3.0", "snntorch": snn.__version__, "cases": cases}, sys.stdout, separators=(",", ":"))
    print()


main()
