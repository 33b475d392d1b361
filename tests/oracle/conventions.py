"""The LIF of other frameworks on one input: crates/core/tests/golden/conventions.json.

Each case says which class of which framework ran with which constants, and with which convention, parameters and factor on
the weights Cortado is to give the same spikes and membranes. Frameworks that are not installed are left out, with a line on
stderr, so that the file should be written where all are:

    pip install -r bench/peers/requirements.txt sinabs==3.1.3 rockpool==3.1.0
    python tests/oracle/conventions.py > crates/core/tests/golden/conventions.json

NEST is not called. `nest_eprop` writes out its update, and is first held to the loss that NEST's own test publishes for the
regression task (key bellec2020), where the weights of that task are at hand: set EPROP to regression.npz.
"""

import importlib
import json
import math
import os
import sys
from importlib.metadata import version

import numpy as np

STEPS, INPUTS, NEURONS = 40, 4, 3
DT = 1e-3
draw = np.random.default_rng(7)
# Dyadic numbers: exact in f32 and f64 alike.
WEIGHTS = np.round(draw.normal(0.5, 0.6, (NEURONS, INPUTS)) * 16) / 16
SPIKES = (draw.random((STEPS, INPUTS)) < 0.35).astype(float)
# Two steps at rest: a threshold of 0 is then met exactly, and tells `>` from `>=`.
SPIKES[:2] = 0.0


def tau_of_decay(beta):
    """`beta = exp(-dt / tau)`."""
    return -DT / math.log(beta)


def plain(x):
    """An array of one value for each neuron, from a tensor of any framework."""
    return np.asarray(x.detach().numpy() if hasattr(x, "detach") else x).astype(float).reshape(NEURONS)


class Case:
    """Collects what one framework did."""

    def __init__(self, name, package, spec, **ours):
        self.name, self.package, self.spec = name, package, spec
        # `gain` is the factor on the weights; `late` the steps by which the framework's spikes come after ours; `after`
        # whether its membrane is read after the reset; `tolerance` 1e-12 where it computes in f64.
        self.ours = {"set": {}, "gain": 1.0, "late": 0, "after": False, "tolerance": 1e-12} | ours

    def run(self, step):
        """`step(x)` takes the current `[NEURONS]` of a step and gives spikes and membrane."""
        scale = self.ours.pop("input", 1.0)
        z, v = [], []
        for t in range(STEPS):
            spikes, membrane = step(SPIKES[t] @ WEIGHTS.T * scale)
            z.append(plain(spikes))
            v.append(plain(membrane))
        z, v = np.array(z), np.array(v)
        assert set(np.unique(z)) <= {0.0, 1.0}, self.name
        self.ours["gain"] *= scale
        return {
            "name": self.name, "package": self.package, "version": version(self.package) if self.package else None,
            "theirs": self.spec, **self.ours,
            "spikes": [[int(t) for t in np.flatnonzero(z[:, j])] for j in range(NEURONS)],
            "v": [[float(x) for x in row] for row in v],
        }


def lif(tau_mem, **more):
    return {"neuron": "lif", "params": {"tau_mem": tau_mem, **more}}


def cuba(tau_mem, tau_syn, **more):
    return {"neuron": "cuba_lif", "params": {"tau_mem": tau_mem, "tau_syn": tau_syn, **more}}


def snntorch():
    import snntorch as snn
    import torch

    def stepper(layer, states):
        held = [torch.zeros(1, NEURONS) for _ in range(states)]

        def step(x):
            spikes, *held[:] = layer(torch.tensor(x)[None], *held)
            return spikes, held[-1]

        return step

    for beta, threshold in [(0.9, 1.0), (0.5, 0.75), (0.95, 0.0)]:
        case = Case(f"leaky-{beta}-{threshold}", "snntorch", {"class": "Leaky", "beta": beta, "threshold": threshold},
                    preset="snntorch", reset="subtract", **lif(tau_of_decay(beta), v_threshold=threshold))
        yield case.run(stepper(snn.Leaky(beta=torch.tensor(beta), threshold=torch.tensor(threshold)), 1))
    case = Case("leaky-zero", "snntorch", {"class": "Leaky", "beta": 0.9, "reset_mechanism": "zero"},
                preset="snntorch", reset="value", set={"reset": "same_step"}, **lif(tau_of_decay(0.9)))
    yield case.run(stepper(snn.Leaky(beta=torch.tensor(0.9), reset_mechanism="zero"), 1))
    case = Case("synaptic", "snntorch", {"class": "Synaptic", "alpha": 0.8, "beta": 0.9}, preset="snntorch",
                reset="subtract", set={"arrivals": "before_flow", "decay": "exponential_euler", "pulse": "dirac"},
                input=0.5, **cuba(tau_of_decay(0.9), tau_of_decay(0.8)))
    yield case.run(stepper(snn.Synaptic(alpha=torch.tensor(0.8), beta=torch.tensor(0.9)), 2))


def norse():
    import torch
    from norse.torch.functional import lif as full, lif_box
    from norse.torch.functional.reset import reset_subtract, reset_value

    number = torch.tensor
    for inverse, how, threshold in [(100.0, "value", 1.0), (200.0, "subtract", 0.5), (100.0, "value", 0.0)]:
        method = reset_value if how == "value" else reset_subtract
        p = lif_box.LIFBoxParameters(tau_mem_inv=number(inverse), v_leak=number(0.0), v_th=number(threshold),
                                     v_reset=number(0.0), reset_method=method)
        case = Case(f"box-{inverse:.0f}-{how}-{threshold}", "norse", {"class": "LIFBox", "tau_mem_inv": inverse, "v_th": threshold},
                    preset="norse", reset=how, after=True, input=4.0, **lif(1.0 / inverse, v_threshold=threshold))
        held = [lif_box.LIFBoxFeedForwardState(v=torch.zeros(NEURONS))]

        def step(x):
            spikes, held[0] = lif_box.lif_box_feed_forward_step(number(x), held[0], p, DT)
            return spikes, held[0].v

        yield case.run(step)
    p = full.LIFParameters(*[number(x) for x in (200.0, 100.0, 0.0, 1.0, 0.0)])
    case = Case("lif", "norse", {"class": "LIF", "tau_syn_inv": 200.0, "tau_mem_inv": 100.0}, preset="norse", reset="value",
                after=True, set={"arrivals": "before_flow", "pulse": "dirac"}, input=2.0, **cuba(1e-2, 5e-3))
    held = [full.LIFFeedForwardState(v=torch.zeros(NEURONS), i=torch.zeros(NEURONS))]

    def step(x):
        spikes, held[0] = full.lif_feed_forward_step(number(x), held[0], p, DT)
        return spikes, held[0].v

    yield case.run(step)


def spikingjelly():
    import torch
    from spikingjelly.activation_based import neuron

    for tau, decays, reset, threshold in [(2.0, True, 0.0, 1.0), (10.0, True, -0.25, 0.5), (2.0, False, 0.0, 1.0),
                                          (4.0, True, None, 0.75), (2.0, True, None, 0.0)]:
        node = neuron.LIFNode(tau=tau, decay_input=decays, v_reset=reset, v_threshold=threshold)
        how = "subtract" if reset is None else "value"
        more = {} if reset is None else {"v_reset": reset, "v_leak": reset}
        case = Case(f"lif-{tau}-{decays}-{reset}-{threshold}", "spikingjelly",
                    {"class": "LIFNode", "tau": tau, "decay_input": decays, "v_reset": reset, "v_threshold": threshold},
                    preset="spikingjelly", reset=how, after=True, input=3.0 if decays else 1.0,
                    set={} if decays else {"gain": "unscaled"}, **lif(tau * DT, v_threshold=threshold, **more))
        # Its state starts at v_reset, but at 0 for a reset by subtraction.
        yield case.run(lambda x: (node(torch.tensor(x)), node.v))


def sinabs():
    """Its decays are f32, whatever the input."""
    import sinabs.layers as layers
    import torch
    from sinabs.activation import SingleSpike

    def stepper(layer):
        def step(x):
            spikes = layer(torch.tensor(x)[None, None])
            return spikes, layer.v_mem

        return step

    for tau, norm, threshold in [(10.0, True, 1.0), (20.0, True, 0.25), (5.0, False, 1.0), (5.0, True, 0.0)]:
        layer = layers.LIF(tau_mem=tau, spike_fn=SingleSpike, norm_input=norm, spike_threshold=torch.tensor(threshold))
        case = Case(f"lif-{tau}-{norm}-{threshold}", "sinabs",
                    {"class": "LIF", "tau_mem": tau, "norm_input": norm, "spike_threshold": threshold, "spike_fn": "SingleSpike"},
                    preset="sinabs", reset="subtract", after=True, input=4.0 if norm else 1.0, tolerance=1e-5,
                    set={} if norm else {"gain": "unscaled"}, **lif(tau * DT, v_threshold=threshold))
        yield case.run(stepper(layer))
    layer = layers.LIF(tau_mem=10.0, tau_syn=5.0, spike_fn=SingleSpike)
    decay = math.exp(-1 / 5.0)
    case = Case("lif-syn", "sinabs", {"class": "LIF", "tau_mem": 10.0, "tau_syn": 5.0, "spike_fn": "SingleSpike"}, preset="sinabs",
                reset="subtract", after=True, gain=decay, tolerance=1e-5,
                set={"arrivals": "before_flow", "decay": "exponential_euler", "pulse": "dirac"}, input=2.0, **cuba(10 * DT, 5 * DT))
    yield case.run(stepper(layer))


def rockpool():
    import torch
    from rockpool.nn.modules import LIFTorch

    # The last is exact in binary, and its threshold what the first spikes reach: it tells `>` from `>=`.
    half, current = DT / math.log(2.0), SPIKES @ WEIGHTS.T
    first = current[current > 0][0] / 4.0
    for tau_mem, tau_syn, threshold in [(20e-3, 10e-3, 2.0), (10e-3, 5e-3, 1.0), (half, half, float(first))]:
        number = torch.tensor
        layer = LIFTorch(NEURONS, tau_mem=number(tau_mem), tau_syn=number(tau_syn), threshold=number(threshold), dt=DT,
                         max_spikes_per_dt=number(1.0), bias=number(0.0))
        if tau_mem == half:
            layer = LIFTorch(NEURONS, leak_mode="decays", alpha=number(0.5), beta=number(0.5), threshold=number(threshold), dt=DT,
                             max_spikes_per_dt=number(1.0), bias=number(0.0))
        case = Case(f"lif-{tau_mem:.3g}-{tau_syn:.3g}-{threshold}", "rockpool",
                    {"class": "LIFTorch", "tau_mem": tau_mem, "tau_syn": tau_syn, "threshold": threshold, "max_spikes_per_dt": 1},
                    preset="rockpool", reset="subtract", after=True, gain=math.exp(-DT / tau_syn), input=0.5,
                    tolerance=1e-5, **cuba(tau_mem, tau_syn, v_threshold=threshold))

        def step(x):
            with torch.no_grad():
                spikes, state, _ = layer(torch.tensor(x, dtype=torch.float32)[None, None])
                return spikes, state["vmem"]

        yield case.run(step)


def spyx():
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    from flax import nnx
    from spyx import nn

    for beta, threshold in [(0.9, 1.0), (0.5, 0.5), (0.9, 0.0)]:
        layer = nn.LIF((NEURONS,), beta=jnp.float64(beta), threshold=threshold, rngs=nnx.Rngs(0))
        held = [jnp.zeros((1, NEURONS), jnp.float64)]

        def step(x):
            spikes, held[0] = layer(jnp.asarray(x)[None], held[0])
            return spikes, held[0]

        case = Case(f"lif-{beta}-{threshold}", "spyx", {"class": "LIF", "beta": beta, "threshold": threshold}, preset="spyx",
                    reset="subtract", late=1, **lif(tau_of_decay(beta), v_threshold=threshold))
        yield case.run(step)
    layer = nn.CuBaLIF((NEURONS,), alpha=jnp.float64(0.8), beta=jnp.float64(0.9), threshold=1.0, rngs=nnx.Rngs(0))
    held = [jnp.zeros((1, 2 * NEURONS), jnp.float64)]

    def step(x):
        spikes, held[0] = layer(jnp.asarray(x)[None], held[0])
        return spikes, held[0][:, :NEURONS]

    case = Case("cuba", "spyx", {"class": "CuBaLIF", "alpha": 0.8, "beta": 0.9}, preset="spyx", reset="subtract", late=1, input=0.5,
                set={"arrivals": "before_flow", "decay": "exponential_euler", "pulse": "dirac", "reset": "same_step"},
                **cuba(tau_of_decay(0.9), tau_of_decay(0.8)))
    yield case.run(step)


class Eprop:
    """NEST's `eprop_iaf_bsshslm_2020` without refractory period: `v = a v + zeta I - th z`, fires at threshold."""

    def __init__(self, n, tau, threshold, regular):
        self.decay, self.threshold = math.exp(-DT / tau), threshold
        self.zeta = 1.0 if regular else 1.0 - self.decay
        self.v, self.z = np.zeros(n), np.zeros(n)

    def step(self, x):
        self.v = self.decay * self.v + self.zeta * x - self.threshold * self.z
        self.z = (self.v >= self.threshold).astype(float)
        return self.z, self.v


def published_loss(path):
    """The first loss of NEST's regression task, from this update."""
    d = np.load(path)
    w_in, w_rec, w_out, x, target = (d[k].astype(float) for k in ("w_in", "w_rec", "w_out", "input", "target"))
    cells, y, loss = Eprop(100, 30e-3, 0.03, False), 0.0, 0.0
    kappa = math.exp(-DT / 30e-3)
    for t in range(x.shape[1]):
        z, _ = cells.step(w_rec @ cells.z + w_in @ x[:, t])
        y = kappa * y + (1 - kappa) * float(w_out[0] @ z)
        loss += 0.5 * (y - target[t]) ** 2
    return loss


def nest_eprop():
    if "EPROP" in os.environ:
        loss = published_loss(os.environ["EPROP"])
        assert abs(loss / 101.964356999041 - 1) < 1e-11, loss
    else:
        print("nest_eprop: EPROP is not set, its update is not held to NEST's loss", file=sys.stderr)
    for tau, threshold, regular in [(30e-3, 0.5, False), (20e-3, 0.75, True), (20e-3, 0.0, False)]:
        cells = Eprop(NEURONS, tau, threshold, regular)
        case = Case(f"eprop-{tau}-{threshold}-{regular}", "", {"model": "eprop_iaf_bsshslm_2020", "tau_m": tau, "V_th": threshold,
                    "regular_spike_arrival": regular}, preset="nest-eprop", reset="subtract", input=1.0 if regular else 4.0,
                    set={"gain": "unscaled"} if regular else {}, **lif(tau, v_threshold=threshold))
        yield case.run(cells.step)


def main():
    cases = []
    for make in (snntorch, norse, spikingjelly, sinabs, rockpool, spyx, nest_eprop):
        if make in (snntorch, norse, spikingjelly, sinabs):
            import torch

            torch.set_default_dtype(torch.float64)
        elif make is rockpool:
            torch.set_default_dtype(torch.float32)
        try:
            if make is not nest_eprop:
                importlib.import_module(make.__name__)
        except ImportError as e:
            print(f"{make.__name__}: left out, {e}", file=sys.stderr)
            continue
        made = list(make())
        print(f"{make.__name__}: {len(made)} cases, {[sum(map(len, c['spikes'])) for c in made]} spikes", file=sys.stderr)
        cases += made
    head = {"dt": DT, "weights": WEIGHTS.tolist(), "input": SPIKES.astype(int).tolist()}
    lines = [f' "{k}": {json.dumps(v)},' for k, v in head.items()]
    lines += [' "cases": [', ",\n".join("  " + json.dumps(c) for c in cases), " ]"]
    print("{\n" + "\n".join(lines) + "\n}")


main()
