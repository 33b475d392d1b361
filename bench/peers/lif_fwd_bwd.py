"""lif-fwd-bwd: Linear n -> n without bias, LIF, loss = sum of spikes; forward and backward.
    python lif_fwd_bwd.py --peer spyx --n 512 --threads 2"""
import numpy as np

from common import arguments, bernoulli, emit, normal, seconds

PEERS = ["spyx", "spyx-hoist", "snntorch", "norse", "norse-lif", "spikingjelly",
         "torch-hand", "torch-fused", "torch-compile", "gemm-only"]
a = arguments(__doc__, PEERS, n=512, t=500, batch=16, density=0.02)
rng = np.random.default_rng(0)
W = normal(rng, a.n, a.n, std=0.14 / np.sqrt(a.density * a.n))
X = bernoulli(rng, a.t, a.batch, a.n, p=a.density)

if a.peer.startswith("spyx"):
    import spyx_models
    spyx_models.use_threads(a.threads)
    spyx_models.run_one_layer("lif-fwd-bwd", a, W, X)
else:
    import torch
    import models
    models.use_threads(a.threads)
    run, layer = models.one_layer(a.peer, W)
    x, total = torch.from_numpy(X), []

    def step():
        layer.weight.grad = None
        loss = run(x).sum()
        loss.backward()
        total[:] = [float(loss.detach())]

    first, took = seconds(step, a)
    rates = {} if a.peer == "gemm-only" else {"hidden": total[0] / X.size}
    emit("lif-fwd-bwd", a, first, took, rates, X.nbytes)
