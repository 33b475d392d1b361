"""recurrent-train: one training step (forward, backward, Adam) of nin -> n recurrent LIF -> nout leaky
readout, cross-entropy of the maximum over time. With --infer: one prediction for one sample.
    python recurrent_train.py --peer snntorch --threads 2"""
import numpy as np

from common import arguments, bernoulli, normal

PEERS = ["spyx", "spyx-hoist", "snntorch", "norse", "spikingjelly", "torch-hand"]
a = arguments(__doc__, PEERS, infer=True, nin=700, n=256, nout=20, t=100, batch=64, density=0.015)
rng = np.random.default_rng(0)
W1 = normal(rng, a.n, a.nin, std=0.22 / np.sqrt(a.nin * a.density))
Wr = normal(rng, a.n, a.n, std=0.05 / np.sqrt(a.n * 0.05))
W2 = normal(rng, a.nout, a.n, std=0.1)
X = bernoulli(rng, a.t, a.batch, a.nin, p=a.density)
Y = rng.integers(0, a.nout, a.batch)
work = "infer" if a.infer else "recurrent-train"

if a.peer.startswith("spyx"):
    import spyx_models
    spyx_models.use_threads(a.threads)
    spyx_models.run(work, a, spyx_models.two_layers(a, W1, W2, Wr), X, Y, lambda out: out.max(0))
else:
    import models
    models.use_threads(a.threads)
    models.run(work, a, models.RECURRENT[a.peer](W1, Wr, W2), X, Y, lambda out: out.max(0).values)
