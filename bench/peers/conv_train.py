"""conv-train: one training step (forward, backward, Adam) on 2 x 34 x 34 of 12c5 - LIF - pool2 - 32c5 - LIF -
pool2 - linear 10 - LIF, cross-entropy of spike counts.
    python conv_train.py --peer snntorch --threads 2"""
import numpy as np

from common import arguments, bernoulli, normal
import models

a = arguments(__doc__, list(models.CONV), t=30, batch=32, density=0.02)
rng = np.random.default_rng(0)
K1 = normal(rng, 12, 2, 5, 5, std=0.25 / np.sqrt(50 * a.density))
K2 = normal(rng, 32, 12, 5, 5, std=0.25 / np.sqrt(300 * 0.1))
W = normal(rng, 10, 800, std=0.25 / np.sqrt(800 * 0.1))
X = bernoulli(rng, a.t, a.batch, 2, 34, 34, p=a.density)
Y = rng.integers(0, 10, a.batch)
models.use_threads(a.threads)
models.run("conv-train", a, models.CONV[a.peer](K1, K2, W), X, Y, lambda out: out.sum(0))
