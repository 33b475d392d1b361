"""Small models with random weights as Keras writes them, added to those of onnx_models.py.

    pip install keras==3.15.1 torch==2.15.0 tensorflow-cpu==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.32.0
    KERAS_BACKEND=tensorflow python tests/oracle/onnx_keras.py
    KERAS_BACKEND=torch python tests/oracle/onnx_keras.py
"""

import os

import keras
import numpy as np
import onnx
from keras import layers as L
from onnx_models import HERE, SAMPLES, save, write

BACKEND = keras.backend.backend()
keras.utils.set_random_seed(9)
draw = np.random.default_rng(9)


def export(name, net, shape):
    """Batch norm with numbers that are not the first ones."""
    x = draw.uniform(0, 1, (2, *shape)).astype(np.float32)
    net(x)
    for layer in net.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.set_weights([draw.uniform(0.5, 2.0, w.shape) for w in layer.get_weights()])
    path = HERE / "export.tmp.onnx"
    net.export(str(path), format="onnx", verbose=False)
    model = onnx.load(path)
    path.unlink()
    save(f"keras-{BACKEND}-{name}", model, x)


def cnn():
    return keras.Sequential([
        keras.Input((6, 5, 2)), L.Conv2D(3, 3, padding="same", use_bias=False), L.BatchNormalization(), L.ReLU(max_value=6.0),
        L.MaxPooling2D(), L.Conv2D(4, 2, activation="relu"), L.Flatten(), L.Dropout(0.5), L.Dense(5, activation="relu"),
        L.BatchNormalization(), L.Dense(3, activation="softmax"),
    ])  # fmt: skip


def residual():
    x = keras.Input((8, 8, 2))
    h = L.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    k = L.DepthwiseConv2D(3, padding="same")(h)
    h = L.ReLU()(L.Add()([L.BatchNormalization()(k), h]))
    h = L.AveragePooling2D(2)(h)
    return keras.Model(x, L.Dense(3)(L.GlobalAveragePooling2D()(h)))


def mlp():
    return keras.Sequential([
        keras.Input((4, 4, 1)), L.Rescaling(1 / 255.0), L.Flatten(), L.Dense(6), L.BatchNormalization(), L.LeakyReLU(negative_slope=0.2), L.Dense(3),
    ])  # fmt: skip


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    export("cnn", cnn(), (6, 5, 2))
    export("residual", residual(), (8, 8, 2))
    export("mlp", mlp(), (4, 4, 1))
    write(f"keras-{BACKEND}", SAMPLES)
