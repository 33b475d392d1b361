"""dense-train: one training step (forward, backward, Adam) of nin -> n LIF -> nout LIF, cross-entropy of
spike counts. With --infer: one prediction for one sample.
    python dense_train.py --peer spikingjelly --threads 2"""
import numpy as np

from common import arguments, bernoulli, normal


def over_time(out):
    return out.sum(0)


PEERS = ["spyx", "spyx-hoist", "snntorch", "norse", "spikingjelly", "torch-hand", "torch-fused"]
a = arguments(__doc__, PEERS, infer=True, nin=784, n=800, nout=10, t=25, batch=128, density=0.13)
rng = np.random.default_rng(0)
W1 = normal(rng, a.n, a.nin, std=0.2 / np.sqrt(a.nin * a.density))
W2 = normal(rng, a.nout, a.n, std=0.25 / np.sqrt(a.n * 0.05))
X = bernoulli(rng, a.t, a.batch, a.nin, p=a.density)
Y = rng.integers(0, a.nout, a.batch)
work = "infer-dense" if a.infer else "dense-train"

if a.peer.startswith("spyx"):
    import spyx_models
    spyx_models.use_threads(a.threads)
    spyx_models.run(work, a, spyx_models.two_layers(a, W1, W2), X, Y, over_time)
else:
    import models
    models.use_threads(a.threads)
    models.run(work, a, models.DENSE[a.peer](W1, W2), X, Y, over_time)
