"""The same networks in Spyx (JAX), jitted, with the same weights.

`spyx` calls the linear layer inside the scan over time, as Spyx's examples do; `spyx-hoist` takes the
product with the input out of the scan. Only weights are trained: Spyx would learn the decay as well,
which the other tools do not. The input is an argument of the jitted function.
"""
import os

from common import emit, seconds

BETA = 0.95


def use_threads(threads):
    """JAX has no call for this: narrow the process to as many cores, before JAX is imported."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def weights_of(net):
    """Split a network into its definition, its weights and all the rest."""
    from flax import nnx
    return nnx.split(net, lambda path, _: path[-1] in ("kernel", "recurrent_w"), ...)


def linear(w):
    import jax.numpy as jnp
    from flax import nnx
    layer = nnx.Linear(w.shape[1], w.shape[0], use_bias=False, rngs=nnx.Rngs(0))
    layer.kernel[...] = jnp.asarray(w.T)
    return layer


def through(lin, neuron, x, hoist):
    import spyx.nn as snn
    return snn.run(neuron, lin(x))[0] if hoist else snn.run(snn.Sequential(lin, neuron), x)[0]


def one_layer(a, w):
    import spyx.nn as snn
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self):
            self.lin = linear(w)
            self.lif = snn.LIF((w.shape[0],), beta=BETA, rngs=nnx.Rngs(0))

        def __call__(self, x):
            return through(self.lin, self.lif, x, a.peer == "spyx-hoist")
    return Net()


def two_layers(a, w1, w2, wr=None):
    """Dense LIF - LIF; with recurrent weights wr: recurrent LIF - leaky readout."""
    import jax.numpy as jnp
    import spyx.nn as snn
    from flax import nnx
    rngs = nnx.Rngs(0)

    class Net(nnx.Module):
        def __init__(self):
            self.f1, self.f2 = linear(w1), linear(w2)
            kind1, kind2 = (snn.LIF, snn.LIF) if wr is None else (snn.RLIF, snn.LI)
            self.l1 = kind1((w1.shape[0],), beta=BETA, rngs=rngs)
            self.l2 = kind2((w2.shape[0],), beta=BETA, rngs=rngs)
            if wr is not None:
                self.l1.recurrent_w[...] = jnp.asarray(wr.T)

        def __call__(self, x):
            S = through(self.f1, self.l1, x, a.peer == "spyx-hoist")
            return through(self.f2, self.l2, S, a.peer == "spyx-hoist"), S
    return Net()


def run_one_layer(work, a, w, X):
    """Time forward and backward of the sum of all spikes."""
    import jax
    import jax.numpy as jnp
    from flax import nnx
    graph, weights, rest = weights_of(one_layer(a, w))
    x, size, input_bytes = jnp.asarray(X), X.size, X.nbytes
    del X
    grad = jax.jit(jax.value_and_grad(lambda p, x: nnx.merge(graph, p, rest)(x).sum()))
    seen = []

    def step():
        seen[:] = [jax.block_until_ready(grad(weights, x))[0]]

    first, took = seconds(step, a)
    emit(work, a, first, took, {"hidden": float(seen[0]) / size}, input_bytes)


def run(work, a, net, X, Y, over_time):
    """Time one training step (forward, backward, Adam), or one prediction with --infer."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx
    graph, weights, rest = weights_of(net)
    x, y = jnp.asarray(X), jnp.asarray(Y)
    opt = optax.adam(1e-5)
    state = [weights, opt.init(weights)]

    def loss(p, x, y):
        out = over_time(nnx.merge(graph, p, rest)(x)[0])
        return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()

    @jax.jit
    def update(p, o, x, y):
        value, g = jax.value_and_grad(loss)(p, x, y)
        u, o = opt.update(g, o)
        return optax.apply_updates(p, u), o, value

    @jax.jit
    def predict(p, x):
        return over_time(nnx.merge(graph, p, rest)(x)[0]).argmax(1)

    @jax.jit
    def rate(p, x):
        return nnx.merge(graph, p, rest)(x)[1].mean()

    def train():
        state[0], state[1], _ = jax.block_until_ready(update(*state, x, y))

    def infer():
        predict(weights, x).tolist()

    seen = {"hidden": float(rate(weights, x))}
    first, took = seconds(infer if a.infer else train, a)
    emit(work, a, first, took, seen, X.nbytes)
