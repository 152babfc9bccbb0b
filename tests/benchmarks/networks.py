"""The three networks that everything is measured on, with random weights and 224 x 224 images."""

import keras
import numpy as np

# Name, and a layer of 64 channels for Score-CAM.
NETWORKS = {"MobileNetV2": "block_6_project_BN", "ResNet50V2": "conv3_block1_1_relu", "Xception": "block1_conv2_act"}
SIDE, UNIT = 224, 7


def build(name):
    keras.utils.set_random_seed(0)
    return getattr(keras.applications, name)(weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None)


def images(count, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, SIDE, SIDE, 3)).astype("float32")


def last_layer(model):
    """The last layer with a place."""
    return [layer.name for layer in model.layers if len(layer.output.shape) == 4][-1]
