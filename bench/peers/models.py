"""The networks of the benchmark in PyTorch and the tools that stand on it.

Common dynamics wherever the tool can express them:
    v <- 0.95 v + I;  s = H(v - 1);  v <- v - s      (reset by subtraction)
Weights are drawn once with numpy and copied into every tool, so that firing rates agree up to each
tool's own convention for the step in which the reset acts. Each tool keeps its default surrogate
and is written as its documentation writes it.

A model maps x [time, batch, ...] to its output [time, batch, ...] and the spikes of its hidden
layers by name, as a tensor or as a list with one tensor per step.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from common import emit, seconds

BETA = 0.95
TAU_SJ = 1 / (1 - BETA)         # SpikingJelly: v - v / tau + x
NORSE_GAIN = 1 / (1 - BETA)     # Norse's box LIF multiplies its input by dt / tau


def lin(w, gain=1.0):
    layer = nn.Linear(w.shape[1], w.shape[0], bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(w) * gain)
    return layer


def conv(w):
    layer = nn.Conv2d(w.shape[1], w.shape[0], w.shape[2], bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(w))
    return layer


# ------------------------------------------------------------------------------ PyTorch by hand
class FastSigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (25.0 * x.abs() + 1.0) ** 2


spike = FastSigmoid.apply


def hand_lif(h):
    """Currents [time, batch, ...] to spikes: a loop that autograd records."""
    v, out = torch.zeros_like(h[0]), []
    for c in h.unbind(0):           # not h[t]: that makes backward quadratic in time
        v = BETA * v + c
        s = spike(v - 1.0)
        v = v - s.detach()
        out.append(s)
    return torch.stack(out)


class FusedLIF(torch.autograd.Function):
    """The same with a backward by hand: the best that plain PyTorch does without a compiler."""
    @staticmethod
    def forward(ctx, h):
        v, V, S = torch.zeros_like(h[0]), torch.empty_like(h), torch.empty_like(h)
        for t in range(h.shape[0]):
            torch.add(h[t], v, alpha=BETA, out=V[t])
            torch.gt(V[t], 1.0, out=S[t])
            v = V[t] - S[t]
        ctx.save_for_backward(V)
        return S

    @staticmethod
    def backward(ctx, g):
        (V,) = ctx.saved_tensors
        G = g / (25.0 * (V - 1.0).abs() + 1.0) ** 2
        for t in range(V.shape[0] - 2, -1, -1):
            G[t].add_(G[t + 1], alpha=BETA)
        return G


fused_lif = FusedLIF.apply


# -------------------------------------------------------------------------- parts of other tools
def snn_leaky(**options):
    import snntorch
    return snntorch.Leaky(beta=BETA, **options)


def norse_box():
    from norse.torch.functional.lif_box import LIFBoxParameters
    from norse.torch.functional.reset import reset_subtract
    from norse.torch.module.lif_box import LIFBoxCell
    return LIFBoxCell(LIFBoxParameters(tau_mem_inv=torch.as_tensor(1000 * (1 - BETA)),
                                       reset_method=reset_subtract))


def sj_lif(step_mode="m"):
    from spikingjelly.activation_based import neuron, surrogate
    return neuron.LIFNode(tau=TAU_SJ, decay_input=False, v_reset=None, step_mode=step_mode,
                          surrogate_function=surrogate.ATan())


def sj_lin(w):
    from spikingjelly.activation_based import layer
    made = layer.Linear(w.shape[1], w.shape[0], bias=False, step_mode="m")
    with torch.no_grad():
        made.weight.copy_(torch.as_tensor(w))
    return made


def sj_conv(w):
    from spikingjelly.activation_based import layer
    made = layer.Conv2d(w.shape[1], w.shape[0], w.shape[2], bias=False, step_mode="m")
    with torch.no_grad():
        made.weight.copy_(torch.as_tensor(w))
    return made


def sj_reset(net):
    from spikingjelly.activation_based import functional
    functional.reset_net(net)


# ------------------------------------------------------------------------------------- one layer
def one_layer(peer, w):
    """A function from input to spikes, and the linear layer in it."""
    layer = sj_lin(w) if peer == "spikingjelly" else lin(w, {"norse": NORSE_GAIN, "norse-lif": 5.0}.get(peer, 1.0))

    if peer == "gemm-only":             # the dense product alone: the floor of every dense tool
        run = layer
    elif peer == "torch-hand":
        def run(x):
            return hand_lif(layer(x))
    elif peer == "torch-fused":
        def run(x):
            return fused_lif(layer(x))
    elif peer == "torch-compile":
        @torch.compile
        def step(c, v):
            v = BETA * v + c
            s = spike(v - 1.0)
            return s, v - s.detach()

        def run(x):
            h = layer(x)
            v, out = torch.zeros_like(h[0]), []
            for c in h.unbind(0):
                s, v = step(c, v)
                out.append(s)
            return torch.stack(out)
    elif peer == "snntorch":
        lif = snn_leaky(reset_mechanism="subtract")

        def run(x):
            mem, out = torch.zeros_like(x[0]), []
            for t in range(x.shape[0]):
                s, mem = lif(layer(x[t]), mem)
                out.append(s)
            return torch.stack(out)
    elif peer == "norse":               # the LIF without a synaptic current
        import norse.torch as nt
        net = nt.SequentialState(layer, norse_box())

        def run(x):
            state, out = None, []
            for t in range(x.shape[0]):
                s, state = net(x[t], state)
                out.append(s)
            return torch.stack(out)
    elif peer == "norse-lif":           # Norse's standard LIF: synaptic current and voltage
        import norse.torch as nt
        net = nt.SequentialState(nt.Lift(layer), nt.LIF())

        def run(x):
            return net(x)[0]
    elif peer == "spikingjelly":
        net = nn.Sequential(layer, sj_lif())

        def run(x):
            sj_reset(net)
            return net(x)
    return run, layer


# ------------------------------------------------------------------------------------- recurrent
class RecHand(nn.Module):
    def __init__(self, w1, wr, w2):
        super().__init__()
        self.f1, self.r, self.f2 = lin(w1), lin(wr), lin(w2)

    def forward(self, x):
        h = self.f1(x)
        v = torch.zeros_like(h[0])
        s, out = v, []
        for c in h.unbind(0):
            v = BETA * v + c + self.r(s)
            s = spike(v - 1.0)
            v = v - s.detach()
            out.append(s)
        S = torch.stack(out)
        y = self.f2(S)
        m, rec = torch.zeros_like(y[0]), []
        for c in y.unbind(0):
            m = BETA * m + c
            rec.append(m)
        return torch.stack(rec), {"hidden": S}


class RecSnnTorch(nn.Module):
    def __init__(self, w1, wr, w2):
        super().__init__()
        import snntorch
        self.f1, self.f2 = lin(w1), lin(w2)
        self.l1 = snntorch.RLeaky(beta=BETA, linear_features=wr.shape[0])
        with torch.no_grad():
            self.l1.recurrent.weight.copy_(torch.as_tensor(wr))
            self.l1.recurrent.bias.zero_()
        self.l2 = snn_leaky(reset_mechanism="none")

    def forward(self, x):
        s = torch.zeros(x.shape[1], self.f1.out_features)
        m1, m2 = torch.zeros_like(s), torch.zeros(x.shape[1], self.f2.out_features)
        out, S = [], []
        for t in range(x.shape[0]):
            s, m1 = self.l1(self.f1(x[t]), s, m1)
            _, m2 = self.l2(self.f2(s), m2)
            out.append(m2)
            S.append(s.detach())
        return torch.stack(out), {"hidden": S}


class RecNorse(nn.Module):
    """Norse's own recurrent LIF has a synaptic current: the dynamics differ, so do the rates."""
    def __init__(self, w1, wr, w2):
        super().__init__()
        import norse.torch as nt
        self.l1 = nt.LIFRecurrent(w1.shape[1], w1.shape[0],
                                  p=nt.LIFParameters(tau_mem_inv=torch.as_tensor(1000 * (1 - BETA))))
        with torch.no_grad():
            self.l1.input_weights.copy_(torch.as_tensor(w1) * 5)
            self.l1.recurrent_weights.copy_(torch.as_tensor(wr) * 5)
        self.f2, self.l2 = lin(w2, 5.0), nt.LI()

    def forward(self, x):
        S, _ = self.l1(x)
        y, _ = self.l2(self.f2(S))
        return y, {"hidden": S}


class RecSpikingJelly(nn.Module):
    """The recurrent container goes step by step: recurrence forbids the multi-step path."""
    def __init__(self, w1, wr, w2):
        super().__init__()
        from spikingjelly.activation_based import layer, neuron
        n = w1.shape[0]
        self.f1, self.f2 = sj_lin(w1), sj_lin(w2)
        self.l1 = layer.LinearRecurrentContainer(sj_lif("s"), in_features=n, out_features=n,
                                                 bias=False, step_mode="m")
        with torch.no_grad():
            self.l1.rc.weight.copy_(torch.cat([torch.eye(n), torch.as_tensor(wr)], 1))
        self.l2 = neuron.NonSpikingLIFNode(tau=TAU_SJ)
        self.l2.step_mode = "m"

    def forward(self, x):
        sj_reset(self)
        S = self.l1(self.f1(x))
        return torch.stack(self.l2(self.f2(S))), {"hidden": S}


RECURRENT = {"torch-hand": RecHand, "snntorch": RecSnnTorch, "norse": RecNorse, "spikingjelly": RecSpikingJelly}


# ----------------------------------------------------------------------------------------- dense
class DenseHand(nn.Module):
    def __init__(self, w1, w2, lif=hand_lif):
        super().__init__()
        self.f1, self.f2, self.lif = lin(w1), lin(w2), lif

    def forward(self, x):
        S = self.lif(self.f1(x))
        return self.lif(self.f2(S)), {"hidden": S}


class DenseSnnTorch(nn.Module):
    def __init__(self, w1, w2):
        super().__init__()
        self.f1, self.f2, self.l1, self.l2 = lin(w1), lin(w2), snn_leaky(), snn_leaky()

    def forward(self, x):
        m1 = torch.zeros(x.shape[1], self.f1.out_features)
        m2 = torch.zeros(x.shape[1], self.f2.out_features)
        out, S = [], []
        for t in range(x.shape[0]):
            h, m1 = self.l1(self.f1(x[t]), m1)
            y, m2 = self.l2(self.f2(h), m2)
            out.append(y)
            S.append(h.detach())
        return torch.stack(out), {"hidden": S}


class DenseNorse(nn.Module):
    def __init__(self, w1, w2):
        super().__init__()
        import norse.torch as nt
        self.n1 = nt.SequentialState(lin(w1, NORSE_GAIN), norse_box())
        self.n2 = nt.SequentialState(lin(w2, NORSE_GAIN), norse_box())

    def forward(self, x):
        a = b = None
        out, S = [], []
        for t in range(x.shape[0]):
            h, a = self.n1(x[t], a)
            y, b = self.n2(h, b)
            out.append(y)
            S.append(h.detach())
        return torch.stack(out), {"hidden": S}


class DenseSpikingJelly(nn.Module):
    def __init__(self, w1, w2):
        super().__init__()
        self.f1, self.n1, self.f2, self.n2 = sj_lin(w1), sj_lif(), sj_lin(w2), sj_lif()

    def forward(self, x):
        sj_reset(self)
        S = self.n1(self.f1(x))
        return self.n2(self.f2(S)), {"hidden": S}


DENSE = {"torch-hand": DenseHand, "torch-fused": lambda w1, w2: DenseHand(w1, w2, fused_lif),
         "snntorch": DenseSnnTorch, "norse": DenseNorse, "spikingjelly": DenseSpikingJelly}


# ----------------------------------------------------------------------------------- convolution
class ConvHand(nn.Module):
    """Convolutions over all steps at once."""
    def __init__(self, k1, k2, w):
        super().__init__()
        self.c1, self.c2, self.f = conv(k1), conv(k2), lin(w)

    def forward(self, x):
        def lif(h):
            return fused_lif(h.reshape(*x.shape[:2], *h.shape[1:]))
        a = lif(self.c1(x.flatten(0, 1)))
        b = lif(self.c2(F.max_pool2d(a.flatten(0, 1), 2)))
        y = lif(self.f(F.max_pool2d(b.flatten(0, 1), 2).flatten(1)))
        return y, {"conv1": a, "conv2": b}


class ConvSnnTorch(nn.Module):
    def __init__(self, k1, k2, w):
        super().__init__()
        self.c1, self.c2, self.f = conv(k1), conv(k2), lin(w)
        self.l1, self.l2, self.l3 = snn_leaky(), snn_leaky(), snn_leaky()

    def forward(self, x):
        # passing None here would silently go on from the last batch's state
        m1, m2, m3 = self.l1.reset_mem(), self.l2.reset_mem(), self.l3.reset_mem()
        out, A, B = [], [], []
        for t in range(x.shape[0]):
            a, m1 = self.l1(self.c1(x[t]), m1)
            b, m2 = self.l2(self.c2(F.max_pool2d(a, 2)), m2)
            y, m3 = self.l3(self.f(F.max_pool2d(b, 2).flatten(1)), m3)
            out.append(y)
            A.append(a.detach())
            B.append(b.detach())
        return torch.stack(out), {"conv1": A, "conv2": B}


class ConvSpikingJelly(nn.Module):
    def __init__(self, k1, k2, w):
        super().__init__()
        from spikingjelly.activation_based import layer
        self.c1, self.c2, self.f, self.pool = sj_conv(k1), sj_conv(k2), sj_lin(w), layer.MaxPool2d(2, step_mode="m")
        self.n1, self.n2, self.n3 = sj_lif(), sj_lif(), sj_lif()

    def forward(self, x):
        sj_reset(self)
        a = self.n1(self.c1(x))
        b = self.n2(self.c2(self.pool(a)))
        return self.n3(self.f(self.pool(b).flatten(2))), {"conv1": a, "conv2": b}


CONV = {"torch-fused": ConvHand, "snntorch": ConvSnnTorch, "spikingjelly": ConvSpikingJelly}


# --------------------------------------------------------------------------------------- running
def use_threads(threads):
    torch.set_num_threads(threads)
    torch.manual_seed(0)


def rates(spikes):
    """Spikes per neuron and step of each hidden layer."""
    return {k: float((torch.stack(s) if isinstance(s, list) else s).mean()) for k, s in spikes.items()}


def run(work, a, model, X, Y, over_time):
    """Time one training step (forward, backward, Adam), or one prediction with --infer.
    over_time folds the output over time: [time, batch, classes] to [batch, classes]."""
    opt = torch.optim.Adam(model.parameters(), 1e-5)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    seen = {}

    def train():
        opt.zero_grad()
        out, spikes = model(x)
        F.cross_entropy(over_time(out), y).backward()
        opt.step()
        if not seen:
            seen.update(rates(spikes))

    def infer():
        with torch.inference_mode():
            out, spikes = model(x)
            over_time(out).argmax(1).tolist()
        if not seen:
            seen.update(rates(spikes))

    first, took = seconds(infer if a.infer else train, a)
    emit(work, a, first, took, seen, X.nbytes)
