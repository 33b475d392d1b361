"""Runs the steps of crates/convert/tests/data/onnx-step in ONNX Runtime and compares them with Cortado's engine.

    pip install onnx==1.23.2 onnxruntime==1.32.0
    python tests/oracle/onnx_step.py

As run on one x86-64 machine:

cuba-if          opset 17,  20 nodes, 4 states: membranes up to 50.5, off by 0.0e+00
cuba-lif-early   opset 17,  31 nodes, 4 states: 9 spikes, 0 differ
cuba-lif         opset 17,  24 nodes, 4 states: membranes up to 21, off by 0.0e+00
image            opset 17,  26 nodes, 2 states: 121 spikes, 0 differ
izhikevich       opset 17,  82 nodes, 3 states: membranes up to 0.627, off by 0.0e+00
late             opset 17,  68 nodes, 9 states: membranes up to 1.2, off by 0.0e+00
lif-box          opset 17,  28 nodes, 5 states: membranes up to 73.1, off by 0.0e+00
lif              opset 17,  19 nodes, 3 states: membranes up to 24.8, off by 0.0e+00
"""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

HERE = Path(__file__).resolve().parents[2] / "crates/convert/tests/data/onnx-step"


def run(name):
    model = onnx.load(HERE / f"{name}.onnx")
    onnx.checker.check_model(model, full_check=True)
    case = json.loads((HERE / f"{name}.json").read_text())
    samples, steps = case["samples"], case["steps"]
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    notes = session.get_modelmeta().custom_metadata_map
    states = {}
    for state, of in case["states"].items():
        rest = np.array(of["rest"], np.float32).reshape(1, *of["shape"])
        assert np.all(np.float32(json.loads(notes[f"cortado.rest.{state}"])) == rest.reshape(-1)), state
        states[state] = np.repeat(rest, samples, 0)
    x = np.array(case["input"], np.float32).reshape(samples, steps, *case["shape"])
    outputs = []
    for t in range(steps):
        y = dict(zip(names, session.run(None, {"input": x[:, t], **states})))
        outputs.append(y["output"])
        states = {state: y[f"{state}.next"] for state in states}
    have, want = np.stack(outputs, 1).reshape(-1), np.array(case["output"], np.float32)
    off = np.max(np.abs(have - want))
    spikes = set(np.unique(want)) <= {0.0, 1.0}
    kind = f"{int(want.sum())} spikes, {int((have != want).sum())} differ" if spikes else f"membranes up to {np.abs(want).max():.3g}, off by {off:.1e}"
    print(f"{name:16} opset {model.opset_import[0].version}, {len(model.graph.node):3} nodes, {len(states)} states: {kind}")
    assert off <= 1e-5 * max(1.0, np.abs(want).max()), name


for file in sorted(HERE.glob("*.onnx")):
    run(file.stem)
