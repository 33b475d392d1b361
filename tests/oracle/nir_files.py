"""NIR files as the Python package writes them, with what it reads from them: crates/interop/tests/data/.

    pip install nir==1.0.8 h5py==3.16.0 numpy==2.4.6
    python tests/oracle/nir_files.py crates/interop/tests/data

`types.nir` has every type of node, no parameter at its default, a nested recurrent graph and metadata, not packed;
`packed.nir` has a nested recurrent graph and metadata, packed as the package does by itself. `odd.nir` has what the package
cannot infer shapes of: kernels that are not square, groups, `same`. `old.nir` is as version 1.0.4 wrote it, without v_reset
and w_in. Beside each stands what the package reads, in JSON: numbers as {shape, dtype, data}, text as text. `cycle.nir` and
`links.nir` are to be refused.
"""

import json
import sys
from pathlib import Path

import h5py
import nir
import numpy as np

draw = np.random.default_rng(11)


def some(*shape, low=0.1, dtype=np.float32):
    """Sixteenths: exact in every type of floating point."""
    return (np.round(draw.uniform(low, 2.0, shape) * 16) / 16).astype(dtype)


def metadata():
    return {
        "dt": 1e-4,
        "steps": 7,
        "big": 2**60 + 1,
        "flag": True,
        "producer": "caffè ",
        "empty": "",
        "array": some(2, 3, dtype=np.float16),
        "flags": np.array([True, False]),
        "bytes": np.array([0, 255], dtype=np.uint8),
        "nested": {"a": -1.5, "names": ["x", "yy ", "ζ"], "deeper": {"i": np.int32(-3)}, "nothing": {}},
    }


def recurrent(n):
    return nir.NIRGraph(
        nodes={
            "input": nir.Input({"input": np.array([n])}),
            "lif": nir.CubaLIF(
                tau_syn=some(n) * 1e-2, tau_mem=some(n) * 1e-2, r=some(n), v_leak=some(n, low=-1),
                v_threshold=some(n), v_reset=some(n, low=-1), w_in=some(n), metadata={"note": "inner"},
            ),
            "w_rec": nir.Affine(weight=some(n, n, low=-1, dtype=np.float64), bias=some(n, low=-1, dtype=np.float64)),
            "output": nir.Output({"output": np.array([n])}),
        },
        edges=[("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
        metadata={"depth": 1},
    )


def types():
    n = 6
    nodes = {
        "input": nir.Input({"input": np.array([2, 12, 10])}, metadata=metadata()),
        "conv.2d": nir.Conv2d(
            input_shape=(12, 10), weight=some(4, 2, 3, 3, low=-1), stride=(2, 1), padding=(1, 2), dilation=(1, 2),
            groups=1, bias=some(4, low=-1), metadata={"a": 1},
        ),
        "sum": nir.SumPool2d(kernel_size=np.array([2, 3]), stride=np.array([1, 2]), padding=np.array([0, 1]), metadata={"a": 2}),
        "avg": nir.AvgPool2d(kernel_size=np.array([3, 2]), stride=np.array([2, 1]), padding=np.array([1, 0]), metadata={"a": 3}),
        "flatten": nir.Flatten(input_type={"input": np.array([4, 3, 4])}, start_dim=0, end_dim=1, metadata={"a": 4}),
        "flatten_1": nir.Flatten(input_type=None, start_dim=0, end_dim=-1),
        "affine": nir.Affine(weight=some(n, 48, low=-1), bias=some(n, low=-1), metadata={"a": 5}),
        "lif": nir.LIF(
            tau=some(n) * 1e-2, r=some(n), v_leak=some(n, low=-1), v_threshold=some(n), v_reset=some(n, low=-1), metadata={"a": 6}
        ),
        "sub": recurrent(n),
        "linear": nir.Linear(weight=some(n, n, low=-1, dtype=np.float64), metadata={"a": 7}),
        "scale": nir.Scale(scale=some(n, low=-1), metadata={"a": 8}),
        "delay": nir.Delay(delay=some(n) * 1e-2, metadata={"a": 9}),
        "if": nir.IF(r=some(n), v_threshold=some(n), v_reset=some(n, low=-1), metadata={"a": 10}),
        "threshold": nir.Threshold(threshold=some(n), metadata={"a": 11}),
        "i": nir.I(r=some(n), metadata={"a": 12}),
        "li": nir.LI(tau=some(n) * 1e-2, r=some(n), v_leak=some(n, low=-1), metadata={"a": 13}),
        "cuba_li": nir.CubaLI(
            tau_syn=some(n) * 1e-2, tau_mem=some(n) * 1e-2, r=some(n), v_leak=some(n, low=-1), w_in=some(n), metadata={"a": 14}
        ),
        "cuba_lif": nir.CubaLIF(
            tau_syn=some(n) * 1e-2, tau_mem=some(n) * 1e-2, r=some(n), v_leak=some(n, low=-1),
            v_threshold=some(n), v_reset=some(n, low=-1), w_in=some(n), metadata={"a": 15},
        ),
        "output": nir.Output({"output": np.array([n])}, metadata={"a": 16}),
        "input_1d": nir.Input({"input": np.array([2, 20])}),
        "conv1d": nir.Conv1d(
            input_shape=20, weight=some(3, 2, 4, low=-1), stride=2, padding=3, dilation=2, groups=1, bias=some(3, low=-1),
            metadata={"a": 17},
        ),
        "output_1d": nir.Output({"output": np.array([3, 10])}),
    }
    chain = list(nodes)[:19]
    edges = list(zip(chain, chain[1:])) + [("input_1d", "conv1d"), ("conv1d", "output_1d"), ("lif", "lif")]
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata=metadata())


def odd():
    nodes = {
        "input": nir.Input({"input": np.array([4, 9, 12])}),
        "grouped": nir.Conv2d(
            input_shape=(9, 12), weight=some(6, 2, 3, 5, low=-1), stride=2, padding=(2, 1), dilation=(2, 1), groups=2, bias=some(6)
        ),
        "same": nir.Conv2d(input_shape=None, weight=some(6, 1, 3, 2), stride=1, padding="same", dilation=1, groups=6, bias=some(6)),
        "pool": nir.SumPool2d(kernel_size=np.int64(2), stride=np.int64(2), padding=np.int64(0)),
        "output": nir.Output({"output": np.array([6, 2, 2])}),
        "wave": nir.Input({"input": np.array([1, 8])}),
        "conv1d": nir.Conv1d(
            input_shape=8, weight=some(2, 1, 3), stride=3, padding="valid", dilation=2, groups=1, bias=some(2, dtype=np.float64)
        ),
        "output_1d": nir.Output({"output": np.array([2, 2])}),
    }
    nodes["same"].input_shape = np.array([5, 5])
    edges = [("input", "grouped"), ("grouped", "same"), ("same", "pool"), ("pool", "output"), ("wave", "conv1d"), ("conv1d", "output_1d")]
    return nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)


def old(path):
    n = 3
    lif = nir.LIF(tau=some(n) * 1e-2, r=some(n), v_leak=some(n), v_threshold=some(n))
    cuba = nir.CubaLIF(tau_syn=some(n) * 1e-2, tau_mem=some(n) * 1e-2, r=some(n), v_leak=some(n), v_threshold=some(n))
    integrate = nir.IF(r=some(n), v_threshold=some(n))
    nir.write(path, nir.NIRGraph.from_list(lif, cuba, integrate), compression=None)
    with h5py.File(path, "r+") as file:
        del file["version"]
        file.create_dataset("version", data="1.0.4", dtype=h5py.string_dtype())
        for node in file["node/nodes"].values():
            for name in {"v_reset", "w_in"} & set(node):
                del node[name]


def hostile(folder):
    """A group that stands in itself, and 300 names of one packed array."""
    for name in ["cycle", "links"]:
        with h5py.File(folder / f"{name}.nir", "w") as file:
            node = file.create_group("node")
            node.create_dataset("type", data="I", dtype=h5py.string_dtype())
            node.create_dataset("r", data=np.zeros(250_000, np.float32), compression="gzip")
            metadata = node.create_group("metadata")
            if name == "cycle":
                metadata["again"] = metadata
            else:
                for i in range(300):
                    metadata[str(i)] = node["r"]


def plain(x):
    """A value in JSON."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items() if not (k == "metadata" and v == {})}
    if isinstance(x, str):
        return x
    if isinstance(x, bytes):
        return x.decode()
    if isinstance(x, list) and x and isinstance(x[0], tuple):
        return [list(pair) for pair in x]
    x = np.asarray(x)
    if x.dtype == object:
        return {"shape": x.shape, "text": [t.decode() for t in x.ravel()]}
    return {"shape": x.shape, "dtype": str(x.dtype), "data": x.astype(object).ravel().tolist()}


def main():
    folder = Path(sys.argv[1])
    nir.write(folder / "types.nir", types(), compression=None)
    packed = nir.NIRGraph.from_list(nir.Affine(weight=some(8, 90), bias=some(8)), recurrent(8))
    packed.metadata = metadata()
    nir.write(folder / "packed.nir", packed)
    nir.write(folder / "odd.nir", odd(), compression=None)
    old(folder / "old.nir")
    hostile(folder)
    for name in ["types", "packed", "odd", "old"]:
        graph = nir.read(folder / f"{name}.nir", type_check=name != "odd")
        (folder / f"{name}.json").write_text(json.dumps(plain(graph.to_dict()), ensure_ascii=False) + "\n")
    print("h5py", h5py.__version__, "numpy", np.__version__, "nir", nir.version)


main()
