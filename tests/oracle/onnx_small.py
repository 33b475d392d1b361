"""Small models with random weights for every operator; see onnx_models.py, which runs this."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx_models import HERE, SAMPLES, export, save
from torch import nn

draw = np.random.default_rng(5)


def f32(*shape):
    return draw.normal(0, 1, shape).astype(np.float32)


def built(name, nodes, shape, out, opset=17, batch=2, fixed=False, **weights):
    """A graph from `x` to `y`, written with onnx.helper; the batch of `x` is open if not fixed."""
    inits = [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()]
    first = batch if fixed else "N"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [first, *shape])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [first, *out])
    graph = helper.make_graph(nodes, name, [x], [y], inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    save(name, model, f32(batch, *shape))


def node(op, inputs, output, name=None, **attributes):
    return helper.make_node(op, inputs.split(), [output], name=name or f"{op}_{output}", **attributes)


def constant(value, output):
    return helper.make_node("Constant", [], [output], value=numpy_helper.from_array(np.asarray(value)))


def dense():
    built("gemm", [node("Gemm", "x w b", "h", alpha=0.5, beta=2.0, transB=1), node("Gemm", "h v", "y")],
          [5], [3], w=f32(4, 5), b=f32(4), v=f32(4, 3))
    # The bias as a row, as one number, as a full constant of one row.
    built("gemm-bias", [node("Gemm", "x w b", "h"), node("Gemm", "h v c", "y", alpha=-1.0)],
          [5], [3], w=f32(5, 4), b=f32(1, 4), v=f32(4, 3), c=f32(1))
    built("matmul-add", [node("MatMul", "x w", "h"), node("Add", "b h", "a"), node("Relu", "a", "r"), node("MatMul", "r v", "y")],
          [5], [3], w=f32(5, 4), b=f32(4), v=f32(4, 3))
    # Weights that are worked out from constants: a transpose of a stored matrix, a number without axes.
    built("weights-computed", [
        node("Transpose", "w", "wt", perm=[1, 0]), node("MatMul", "x wt", "h"), node("Mul", "h s", "a"),
        node("Sub", "a b", "c"), node("Div", "c d", "e"), node("Sub", "one e", "f"), node("Neg", "f", "y")],
        [5], [4], w=f32(4, 5), s=np.float32(0.5), b=f32(1, 4), d=f32(4), one=np.float32(1.0))
    # Batch norm as arithmetic.
    built("scale-computed", [node("Sqrt", "v", "sd"), node("Reciprocal", "sd", "r"), node("Mul", "r g", "s"), node("Relu", "x", "h"), node("Mul", "h s", "y")],
          [4], [4], v=np.abs(f32(4)) + np.float32(0.1), g=f32(4))
    # Half precision, doubles.
    built("types", [node("Cast", "w16", "w", to=1), node("MatMul", "x w", "h"), node("Cast", "b64", "b", to=1), node("Add", "h b", "y")],
          [5], [4], w16=f32(5, 4).astype(np.float16), b64=f32(4).astype(np.float64))


def convolution():
    def conv(name, shape, out, inputs="x w b", w=(4, 2, 3, 3), b=True, **attributes):
        weights = {"w": f32(*w)} | ({"b": f32(w[0])} if b else {})
        built(name, [node("Conv", inputs, "y", **attributes)], shape, out, **weights)

    conv("conv-groups", [4, 6, 7], [4, 4, 3], w=(4, 2, 3, 3), group=2, strides=[1, 2])
    conv("conv-depthwise", [4, 6, 7], [8, 4, 5], w=(8, 1, 3, 3), group=4)
    conv("conv-dilated", [2, 9, 8], [4, 5, 3], dilations=[2, 2], strides=[1, 2], pads=[0, 1, 0, 1])
    conv("conv-asymmetric", [2, 6, 6], [4, 7, 5], pads=[1, 0, 2, 1])
    conv("conv-no-bias", [2, 6, 6], [4, 4, 4], inputs="x w", b=False, kernel_shape=[3, 3])
    conv("conv-same-upper", [2, 7, 6], [4, 4, 3], auto_pad="SAME_UPPER", strides=[2, 2])
    conv("conv-same-lower", [2, 7, 6], [4, 4, 3], auto_pad="SAME_LOWER", strides=[2, 2])
    conv("conv-valid", [2, 7, 6], [4, 5, 4], auto_pad="VALID")
    built("conv-pad", [node("Pad", "x p", "h", mode="constant"), node("Conv", "h w", "y")], [2, 5, 6], [4, 5, 5],
          p=np.array([0, 0, 1, 0, 0, 0, 1, 1], np.int64), w=f32(4, 2, 3, 3))
    # The bias added later, as [channels, 1, 1].
    built("conv-add", [node("Conv", "x w", "h"), node("Add", "h b", "y")], [2, 5, 5], [4, 3, 3], w=f32(4, 2, 3, 3), b=f32(4, 1, 1))


def batch_norm():
    def parts(n):
        return {"s": f32(n), "t": f32(n), "m": f32(n), "v": np.abs(f32(n)) + np.float32(0.1)}

    built("batchnorm", [node("Conv", "x w b", "h"), node("BatchNormalization", "h s t m v", "a", epsilon=1e-3),
                        node("Relu", "a", "y")], [2, 5, 5], [3, 3, 3], w=f32(3, 2, 3, 3), b=f32(3), **parts(3))
    built("batchnorm-first", [node("BatchNormalization", "x s t m v", "h"), node("Conv", "h w b", "y", pads=[1, 1, 1, 1])],
          [2, 5, 5], [3, 5, 5], w=f32(3, 2, 3, 3), b=f32(3), **parts(2))
    built("batchnorm-dense", [node("MatMul", "x w", "h"), node("BatchNormalization", "h s t m v", "a"), node("Relu", "a", "r"),
                              node("MatMul", "r u", "y")], [6], [2], w=f32(6, 4), u=f32(4, 2), **parts(4))


def units():
    built("relu", [node("Relu", "x", "y")], [6], [6])
    built("leaky-relu", [node("LeakyRelu", "x", "h"), node("LeakyRelu", "h", "y", alpha=0.3)], [6], [6])
    built("clip-attributes", [node("Clip", "x", "h", min=-0.5, max=0.75), node("Clip", "h", "y", min=-0.25)], [6], [6], opset=6)
    built("clip-inputs", [constant(np.float32(0.75), "high"), helper.make_node("Clip", ["x", "low", "high"], ["h"]),
                          helper.make_node("Clip", ["h", "", "six"], ["y"])],
          [6], [6], low=np.float32(-0.5), six=np.float32(0.5))
    built("dropout", [helper.make_node("Dropout", ["x", "ratio"], ["h", "mask"]), node("Identity", "h", "i"), node("Relu", "i", "y")], [6], [6], ratio=np.float32(0.5))
    built("softmax", [node("MatMul", "x w", "h"), node("Softmax", "h", "y", axis=-1)], [5], [4], w=f32(5, 4))
    built("softmax-old", [node("MatMul", "x w", "h"), node("Softmax", "h", "y")], [5], [4], opset=11, w=f32(5, 4))


def pools():
    built("maxpool", [node("MaxPool", "x", "y", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])], [2, 6, 5], [2, 3, 5])
    built("maxpool-ceil", [node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)], [2, 7, 5], [2, 4, 3])
    built("maxpool-same", [node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER")], [2, 7, 5], [2, 4, 3])
    built("avgpool", [node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])], [2, 6, 7], [2, 3, 4])
    built("avgpool-count", [node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)],
          [2, 6, 7], [2, 3, 4])
    built("avgpool-ceil", [node("AveragePool", "x", "y", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)], [2, 7, 5], [2, 4, 3])
    built("globalpool", [node("GlobalAveragePool", "x", "h"), node("Flatten", "h", "f"), node("MatMul", "f w", "y")],
          [3, 4, 5], [2], w=f32(3, 2))
    built("globalmaxpool", [node("GlobalMaxPool", "x", "h"), node("Flatten", "h", "y")], [3, 4, 5], [3])
    built("reducemean", [node("ReduceMean", "x", "h", axes=[2, 3], keepdims=0), node("MatMul", "h w", "y")], [3, 4, 5], [2], w=f32(3, 2))


def shapes():
    built("flatten", [node("Flatten", "x", "y", axis=1)], [2, 3, 4], [24])
    built("flatten-last", [node("Flatten", "x", "h", axis=-3), node("MatMul", "h w", "y")], [2, 3, 4], [2], w=f32(24, 2))
    built("reshape", [node("Reshape", "x a", "h"), node("Relu", "h", "r"), node("Reshape", "r b", "y")], [2, 3, 4], [24],
          a=np.array([0, -1], np.int64), b=np.array([-1, 24], np.int64))
    built("reshape-image", [node("Reshape", "x a", "h"), node("Conv", "h w", "c"), node("Flatten", "c", "y")], [32], [18],
          a=np.array([-1, 2, 4, 4], np.int64), w=f32(2, 2, 2, 2))
    built("reshape-computed", [
        node("Shape", "x", "s"), constant(np.int64(0), "zero"), node("Gather", "s zero", "n", axis=0), constant(np.array([0], np.int64), "axes"),
        node("Unsqueeze", "n axes", "n1"), constant(np.array([-1], np.int64), "rest"), node("Concat", "n1 rest", "to", axis=0),
        node("Reshape", "x to", "h"), node("MatMul", "h w", "y")], [2, 3, 4], [3], w=f32(24, 3))
    built("reshape-sliced", [
        node("Shape", "x", "s"), node("Slice", "s from till", "head"), node("Slice", "s till end", "tail"), node("ReduceProd", "tail", "size", keepdims=1),
        node("Concat", "head size", "to", axis=0), node("Reshape", "x to", "y")], [2, 3, 4], [24],
        **{"from": np.array([0], np.int64)}, till=np.array([1], np.int64), end=np.array([4], np.int64))
    built("squeeze", [node("GlobalAveragePool", "x", "h"), node("Squeeze", "h axes", "y")], [3, 4, 5], [3], axes=np.array([2, 3], np.int64))


    built("unsqueeze", [node("Unsqueeze", "x a", "h"), node("Conv", "h w", "c"), node("Squeeze", "c a", "y")], [4], [3],
          a=np.array([-1, -2], np.int64), w=f32(3, 4, 1, 1))
    built("batch-fixed", [node("Reshape", "x to", "h"), node("MatMul", "h w", "y")], [2, 3, 4], [3], batch=3, fixed=True,
          to=np.array([3, 24], np.int64), w=f32(24, 3))
    built("batch-one", [node("Reshape", "x to", "h"), node("MatMul", "h w", "y")], [2, 3, 4], [3], batch=1, fixed=True,
          to=np.array([1, -1], np.int64), w=f32(24, 3))


def joins():
    built("residual", [
        node("Conv", "x w a", "h", pads=[1, 1, 1, 1]), node("Relu", "h", "r"), node("Conv", "r u b", "k", pads=[1, 1, 1, 1]),
        node("Add", "k x", "sum"), node("Relu", "sum", "y")], [2, 4, 4], [2, 4, 4], w=f32(3, 2, 3, 3), a=f32(3), u=f32(2, 3, 3, 3), b=f32(2))
    built("sum", [node("Relu", "x", "r"), node("Sum", "x r x", "y")], [6], [6])
    built("normalise", [node("Sub", "x m", "h"), node("Div", "h s", "k"), node("Conv", "k w", "y")], [3, 4, 4], [2, 3, 3],
          m=f32(1, 3, 1, 1), s=np.abs(f32(1, 3, 1, 1)) + np.float32(0.5), w=f32(2, 3, 2, 2))


def nhwc():
    """As tf2onnx writes Keras: images with the channels last, turned around every convolution."""
    built("nhwc", [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t w b", "c", auto_pad="SAME_UPPER"), node("Relu", "c", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]), node("Transpose", "p", "q", perm=[0, 2, 3, 1]),
        node("Reshape", "q flat", "f"), node("MatMul", "f v", "m"), node("Add", "m d", "y")], [6, 4, 2], [3],
        w=f32(3, 2, 3, 3), b=f32(3), flat=np.array([-1, 18], np.int64), v=f32(18, 3), d=f32(3))


class Residual(nn.Module):
    """What the exporters write for a shape that is asked for, a skip, several kinds of units and pools."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm, self.norm1 = nn.BatchNorm2d(4), nn.BatchNorm1d(6)
        self.fc, self.out = nn.Linear(16, 6), nn.Linear(6, 3)
        self.pool, self.drop = nn.AvgPool2d(2), nn.Dropout(0.5)
        with torch.no_grad():
            for norm in (self.norm, self.norm1):
                for part in (norm.weight, norm.bias, norm.running_mean):
                    part.normal_()
                norm.running_var.uniform_(0.5, 2.0)

    def forward(self, x):
        x = (x - 0.5) / 0.25
        h = torch.relu(self.a(x))
        h = nn.functional.relu6(self.norm(self.b(h)) + h)
        h = self.drop(self.pool(h))
        h = h.view(h.size(0), -1)
        h = nn.functional.leaky_relu(self.norm1(self.fc(h)), 0.1)
        return torch.softmax(self.out(h), dim=1)


class Pooled(nn.Module):
    """Global pool and a depthwise convolution."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 4, 3, stride=2), nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.pool, self.out = nn.AdaptiveAvgPool2d(1), nn.Linear(4, 3)

    def forward(self, x):
        h = nn.functional.hardtanh(self.b(torch.relu(self.a(x))), 0.0, 1.0)
        return self.out(torch.flatten(self.pool(h), 1))


def torches():
    for name, make, shape in (("torch-residual", Residual, (3, 2, 4, 4)), ("torch-pooled", Pooled, (3, 2, 9, 9))):
        for way in ("new", "new-plain", "old", "old-plain"):
            torch.manual_seed(3)
            x = torch.rand(shape)
            save(f"{name}-{way}", export(make(), x, way), x.numpy())


def tensors():
    """Not to be run: each type of number in the bytes and in the field of its type, and each type of attribute."""
    floats, whole, flags = [1.5, -2.0, 0.25], [3, -4, 5], [True, False, True]
    kinds = {
        "float": (TensorProto.FLOAT, floats), "double": (TensorProto.DOUBLE, floats), "float16": (TensorProto.FLOAT16, floats),
        "int32": (TensorProto.INT32, whole), "int64": (TensorProto.INT64, whole), "bool": (TensorProto.BOOL, flags),
    }  # fmt: skip
    inits = []
    for name, (kind, values) in kinds.items():
        inits.append(helper.make_tensor(f"{name} field", kind, [3, 1], values))
        array = np.array(values).astype(helper.tensor_dtype_to_np_dtype(kind))
        inits.append(helper.make_tensor(f"{name} bytes", kind, [3, 1], array.tobytes(), raw=True))
    one = helper.make_node(
        "Odd", ["x", ""], ["y", "z"], name="odd", domain="test", f=1.5, i=-7, s="text", floats=[1.5, -2.0], ints=[1, -2], strings=["a", "b"],
        t=numpy_helper.from_array(np.array(4.0)), g=helper.make_graph([], "inner", [], []))  # fmt: skip
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", None, 4])
    y = helper.make_tensor_value_info("y", TensorProto.STRING, None)
    graph = helper.make_graph([one], "tensors", [x], [y], inits)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("test", 2)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="onnx")
    helper.set_model_props(model, {"note": "kept"})
    path = HERE.parents[3] / "interop/tests/data/tensors.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))


def external():
    """A model whose numbers stand in a file beside it."""
    folder = HERE.parent / "onnx-external"
    folder.mkdir(exist_ok=True)
    model = onnx.load(HERE / "gemm.onnx")
    onnx.save_model(model, folder / "gemm.onnx", save_as_external_data=True, location="gemm-external.data", size_threshold=0)


def write():
    tensors()
    for part in (dense, convolution, batch_norm, units, pools, shapes, joins, nhwc, torches):
        part()
    external()
