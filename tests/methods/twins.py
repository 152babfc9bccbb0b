"""Slow twins: each method once more, for one image, in plain NumPy loops, with central differences as gradients.

The network is `networks.small`. Nothing here uses Keras, and nothing is written as in the package.
"""

import itertools

import numpy as np


class Net:
    """`networks.small` in loops: image -> first -> relu -> second -> relu -> mean -> dense."""

    def __init__(self, model):
        self.weights = {layer.name: [np.asarray(w) for w in layer.get_weights()] for layer in model.layers}

    def conv(self, name, x):
        kernel, bias = self.weights[name]
        rows, columns, kernels = x.shape[0] - 2, x.shape[1] - 2, kernel.shape[-1]
        out = np.zeros((rows, columns, kernels))
        for i, j, k in itertools.product(range(rows), range(columns), range(kernels)):
            out[i, j, k] = (x[i : i + 3, j : j + 3] * kernel[..., k]).sum() + bias[k]
        return out

    def first(self, image):
        return self.conv("first", image)

    def signal(self, image):
        return np.maximum(self.first(image), 0)

    def second(self, signal):
        return self.conv("second", signal)

    def dense(self, second):
        kernel, bias = self.weights["logits"]
        return np.maximum(second, 0).mean((0, 1)) @ kernel + bias

    def head(self, signal):
        return self.dense(self.second(signal))

    def logits(self, image):
        return self.head(self.signal(image))


def slopes(function, x, step=1e-6):
    """Give the central differences `(U, *x.shape)` of a function that gives `(U,)`."""
    found = np.zeros((len(function(x)), *x.shape))
    for place in itertools.product(*map(range, x.shape)):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        found[(slice(None), *place)] = (function(up) - function(down)) / (2 * step)
    return found


def resize(plane, size):
    """Resize bilinearly, pixel centres at half integers, edges repeated."""
    out = np.zeros(size)
    for i, j in itertools.product(range(size[0]), range(size[1])):
        y = min(max((i + 0.5) * plane.shape[0] / size[0] - 0.5, 0), plane.shape[0] - 1)
        x = min(max((j + 0.5) * plane.shape[1] / size[1] - 0.5, 0), plane.shape[1] - 1)
        top, left = int(y), int(x)
        bottom, right = min(top + 1, plane.shape[0] - 1), min(left + 1, plane.shape[1] - 1)
        a, b = y - top, x - left
        out[i, j] = (1 - a) * ((1 - b) * plane[top, left] + b * plane[top, right])
        out[i, j] += a * ((1 - b) * plane[bottom, left] + b * plane[bottom, right])
    return out


def gradients(net, image, channels="max"):
    found = np.abs(slopes(net.logits, image))
    return np.stack([(g.max(-1) if channels == "max" else g.mean(-1)) for g in found], -1)


def cam(net, image):
    """CAM at the second convolution, which the pooling follows."""
    signal, kernel = np.maximum(net.second(net.signal(image)), 0), net.weights["logits"][0]
    maps = np.zeros((*signal.shape[:2], kernel.shape[1]))
    for i, j, k, u in itertools.product(*map(range, (*signal.shape, kernel.shape[1]))):
        maps[i, j, u] += kernel[k, u] * signal[i, j, k]
    return maps


def gradcam(net, image):
    signal = net.signal(image)
    units = []
    for g in slopes(net.head, signal):
        units.append(sum(g[..., k].mean() * signal[..., k] for k in range(signal.shape[-1])))
    return np.stack(units, -1)


def gradcampp(net, image):
    """Grad-CAM++ with the paper's exponential left in."""
    signal = net.signal(image)
    units = []
    for g, y in zip(slopes(net.head, signal), net.head(signal)):
        total = 0
        for k in range(signal.shape[-1]):
            one, two, three = (np.exp(y) * g[..., k] ** n for n in (1, 2, 3))
            below = 2 * two + signal[..., k].sum() * three
            alpha = np.divide(two, below, out=np.zeros_like(two), where=two != 0)
            total = total + (alpha * np.maximum(one, 0)).sum() * signal[..., k]
        units.append(total / np.exp(y))
    return np.stack(units, -1)


def hirescam(net, image):
    signal = net.signal(image)
    return np.stack([sum(g[..., k] * signal[..., k] for k in range(3)) for g in slopes(net.head, signal)], -1)


def layercam(net, image):
    signal = net.signal(image)
    units = slopes(net.head, signal)
    return np.stack([sum(np.maximum(g[..., k], 0) * signal[..., k] for k in range(3)) for g in units], -1)


def xgradcam(net, image):
    signal = net.signal(image)
    units = []
    for g in slopes(net.head, signal):
        total = 0
        for k in range(signal.shape[-1]):
            share = signal[..., k] / signal[..., k].sum()
            total = total + (share * g[..., k]).sum() * signal[..., k]
        units.append(total)
    return np.stack(units, -1)


def scorecam(net, image, weights="channels", baseline=False):
    signal = net.signal(image)
    scores = []
    for k in range(signal.shape[-1]):
        mask = resize(signal[..., k], image.shape[:2])
        mask = mask - mask.min()
        mask = mask / mask.max() if mask.max() > 0 else mask
        scores.append(net.logits(image * mask[..., None]))
    scores, blank = np.stack(scores), net.logits(image * 0)
    if weights == "classes":
        scores, blank = (np.exp(s) / np.exp(s).sum(-1, keepdims=True) for s in (scores, blank))
    if baseline:
        scores = scores - blank
    if weights == "channels":
        scores = np.exp(scores) / np.exp(scores).sum(0)
    return np.stack([sum(scores[k, u] * signal[..., k] for k in range(len(scores))) for u in range(len(blank))], -1)


def full_gradients(net, image):
    """FullGrad over the image and both convolutions."""
    first = net.first(image)
    second = net.second(np.maximum(first, 0))
    terms = [
        slopes(net.logits, image) * image,
        slopes(lambda z: net.head(np.maximum(z, 0)), first) * net.weights["first"][1],
        slopes(net.dense, second) * net.weights["second"][1],
    ]
    units = []
    for unit in range(len(terms[0])):
        total = 0
        for term in terms:
            size = np.abs(term[unit])
            size = (size - size.min()) / (size.max() - size.min())
            total = total + sum(resize(size[..., k], image.shape[:2]) for k in range(size.shape[-1]))
        units.append(total)
    return np.stack(units, -1)
