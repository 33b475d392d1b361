#!/usr/bin/env python3
"""A trained network converted to rates and run on the MNIST test set: SpikingJelly and Cortado in turn.

    .venv/bin/python bench/peers/convert.py --cortado target/release/cortado

Both convert the same ONNX file (weights and biases go into a PyTorch module for SpikingJelly), on the same 1000 training images,
by the 99.9th percentile, and run all test images for --steps steps with --threads threads. What is timed is the run alone, without
loading and calibration. The last line is JSON: accuracies, median seconds of both, and their ratio.
"""
import argparse
import gzip
import json
import os
import statistics
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from spikingjelly.activation_based import ann2snn, functional
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "crates/convert/tests/data/onnx/mnist-cnn.onnx"


def images(folder, part):
    """Images 0..1 and labels of the IDX files."""
    def read(kind, start):
        with gzip.open(folder / "mnist" / f"{part}-{kind}-ubyte.gz") as f:
            return np.frombuffer(f.read(), np.uint8)[start:]
    x = read("images-idx3", 16).reshape(-1, 1, 28, 28).astype(np.float32) / 255
    return torch.from_numpy(x), torch.from_numpy(read("labels-idx1", 8).astype(np.int64))


def module():
    """The network of the ONNX file, batch norm being part of its weights."""
    w = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in onnx.load(MODEL).graph.initializer}
    c1, c2, f1, f2 = (w[f"{k}.weight"] for k in (0, 4, 10, 13))
    net = nn.Sequential(
        nn.Conv2d(1, c1.shape[0], 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(c1.shape[0], c2.shape[0], 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(*f1.shape[::-1]), nn.ReLU(), nn.Linear(*f2.shape[::-1]))
    for at, name in ((0, "0"), (3, "4"), (7, "10"), (9, "13")):
        net[at].weight.data, net[at].bias.data = w[f"{name}.weight"], w[f"{name}.bias"]
    return net.eval()


def peer(snn, x, y, steps, batch):
    right, start = 0, time.perf_counter()
    with torch.no_grad():
        for i in range(0, len(x), batch):
            functional.reset_net(snn)
            out = 0
            for _ in range(steps):
                out = out + snn(x[i:i + batch])
            right += (out.argmax(1) == y[i:i + batch]).sum().item()
    return right / len(x), time.perf_counter() - start


def ours(a):
    line = subprocess.run(
        [a.cortado, "convert", str(MODEL), "--method", "rate", "--steps", str(a.steps), "--data", "mnist", "--folder",
         str(a.data), "--threads", str(a.threads), "--compare", "1", "--json"],
        check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    result = json.loads(line)
    return result["snn_accuracy"], result["run_seconds"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cortado", default=ROOT / "target/release/cortado")
    p.add_argument("--data", type=Path, default=os.environ.get("CORTADO_DATA", ROOT.parent / "shared/data"))
    p.add_argument("--steps", type=int, default=32)
    p.add_argument("--batch", type=int, default=100, help="images that SpikingJelly runs at once")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--repeats", type=int, default=3)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    x, y = images(a.data, "train")
    loader = [(x[i:i + 100], y[i:i + 100]) for i in range(0, 1000, 100)]
    snn = ann2snn.Converter(ann2snn.RateCodingRecipe(dataloader=loader, mode="99.9%")).convert(module())
    x, y = images(a.data, "t10k")
    peer(snn, x[:a.batch], y[:a.batch], a.steps, a.batch)
    runs = {"spikingjelly": [], "cortado": []}
    for _ in range(a.repeats):
        runs["spikingjelly"].append(peer(snn, x, y, a.steps, a.batch))
        runs["cortado"].append(ours(a))
        print(*(f"{name} {r[-1][1]:.2f} s, accuracy {r[-1][0]:.4f}" for name, r in runs.items()), sep="; ", flush=True)
    seconds = {name: statistics.median(r[1] for r in of) for name, of in runs.items()}
    print(json.dumps({
        "steps": a.steps, "threads": a.threads, "batch": a.batch,
        "accuracy": {name: of[0][0] for name, of in runs.items()}, "seconds": seconds,
        "ratio": seconds["spikingjelly"] / seconds["cortado"],
        "versions": {name: version(name) for name in ("spikingjelly", "torch")},
    }))


main()
