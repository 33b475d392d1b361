"""ONNX models as other tools write them, with ONNX Runtime's outputs: crates/convert/tests/data/onnx/.

    pip install torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0
    python tests/oracle/onnx_models.py train DIRECTORY_OF_MNIST_IDX_FILES
    python tests/oracle/onnx_models.py small

`train` trains two networks on MNIST with batch norm and dropout (pixels 0 to 1, no mean taken off):
`mnist-cnn` convolution, batch norm, ReLU, max pool, twice; fully connected 64, dropout; and `mnist-mlp` 784-128-64-10.
The best epoch by the last 5 000 training images is exported, and `mnist.json` says its accuracy on the 10 000 test images.
As run: `mnist-cnn` 9 932 and `mnist-mlp` 9 826 right.
`small` writes small models with random weights, one for each operator or way of writing that the reader knows.
`mnist.json` and `small.json` hold samples for each model and what ONNX Runtime gives for them: `shape`, `input`, `output`.
"""

import gzip
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

HERE = Path(__file__).resolve().parents[2] / "crates/convert/tests/data/onnx"
warnings.filterwarnings("ignore")


def runtime(model, x):
    """Outputs of ONNX Runtime; its own rewriting of graphs switched off."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


SAMPLES = {}


def save(name, model, x):
    """The model, and what it gives for a few samples."""
    for text in ("doc_string", "producer_version"):
        model.ClearField(text)
    for part in (*model.graph.node, model.graph, *model.graph.value_info, *model.graph.input, *model.graph.output):
        # Stack traces of the exporter: paths of somebody's machine.
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")
    y = runtime(model, x)
    # Nine digits give back every f32.
    short = lambda a: [float(f"{v:.9g}") for v in a.reshape(-1).tolist()]
    SAMPLES[name] = {"shape": list(x.shape), "input": short(x), "output": short(y)}
    print(name, x.shape, "->", y.shape, sorted({n.op_type for n in model.graph.node}), "opset", model.opset_import[0].version)


def export(net, x, way):
    """`new` and `old` exporter of PyTorch, each as it comes or with nothing folded into anything."""
    net.eval()
    path = HERE / "export.tmp"
    batch = torch.export.Dim("batch")
    if way in ("new", "new-plain"):
        program = torch.onnx.export(
            net, (x,), dynamo=True, dynamic_shapes=({0: batch},), optimize=way == "new", verbose=False
        )
        program.save(path, external_data=False)
    else:
        fold = way == "old"
        mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(
            net, (x,), path, dynamo=False, training=mode, do_constant_folding=fold,
            input_names=["input"], output_names=["output"], dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        )
    model = onnx.load(path)
    path.unlink()
    return model


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 12, 5, padding=2), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(24 * 49, 64), nn.ReLU(), nn.Dropout(0.25), nn.Linear(64, 10),
    )


def mlp():
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(64, 10),
    )


def mnist(folder, part):
    """Images `[N, 1, 28, 28]` from 0 to 1, labels."""
    read = lambda name: gzip.decompress((Path(folder) / f"{part}-{name}-ubyte.gz").read_bytes())
    x = np.frombuffer(read("images-idx3"), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    y = np.frombuffer(read("labels-idx1"), np.uint8, offset=8)
    return torch.tensor(x.astype(np.float32) / np.float32(255.0)), torch.tensor(y.astype(np.int64))


def correct(net, x, y):
    net.eval()
    with torch.no_grad():
        return sum((net(x[i : i + 500]).argmax(1) == y[i : i + 500]).sum().item() for i in range(0, len(x), 500))


def fit(net, x, y, epochs):
    """Adam with one cycle; the weights of the best epoch on held-out images."""
    held = slice(len(x) - 5000, None)
    train = len(x) - 5000
    optim = torch.optim.Adam(net.parameters(), lr=2e-3)
    batches = -(-train // 100)
    plan = torch.optim.lr_scheduler.OneCycleLR(optim, 4e-3, total_steps=epochs * batches)
    best = (-1, None)
    for epoch in range(epochs):
        net.train()
        for rows in torch.randperm(train).split(100):
            optim.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optim.step()
            plan.step()
        now = correct(net, x[held], y[held])
        print("epoch", epoch, "held out", now / 5000, flush=True)
        if now > best[0]:
            best = (now, {k: v.clone() for k, v in net.state_dict().items()})
    net.load_state_dict(best[1])


def train(folder):
    torch.set_num_threads(1)
    x, y = mnist(folder, "train")
    test, labels = mnist(folder, "t10k")
    found = {}
    for name, make, epochs, ways in (
        ("mnist-cnn", cnn, 5, {"": "new", "-plain": "old-plain"}),
        ("mnist-mlp", mlp, 8, {"": "new-plain"}),
    ):
        torch.manual_seed(1)
        net = make()
        fit(net, x, y, epochs)
        found[name] = correct(net, test, labels)
        print(name, found[name], flush=True)
        for end, way in ways.items():
            save(name + end, export(net, test[:3], way), test[:3].numpy())
    write("mnist", {"correct": found, "samples": SAMPLES})


def write(name, text):
    (HERE / f"{name}.json").write_text(json.dumps(text, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    if sys.argv[1] == "train":
        train(sys.argv[2])
    else:
        import onnx_small

        onnx_small.write()
        write("small", onnx_small.SAMPLES)
