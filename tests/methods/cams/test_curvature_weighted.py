import numpy as np
import pytest
from keras import layers

import ke_widgets as ke
from ke_widgets.inspection import expose
from ke_widgets.methods.cams import gradcam, shapleycam
from tests.methods import twins
from tests.methods.cams.common import IMAGES, by_name, close
from tests.methods.networks import WIDE, conv, flatten_head, network, one_conv, small


def log_softmax(y):
    return y - np.log(np.exp(y).sum())


def twin(net, image):
    """The mean of g - H A / 2 for the logit and the logarithm of its softmax, in differences only."""
    signal = net.signal(image)

    def rest(x):
        y = net.head(x)
        return y + log_softmax(y)

    g, step = twins.slopes(rest, signal), 1e-4
    curved = (twins.slopes(rest, signal * (1 + step)) - twins.slopes(rest, signal * (1 - step))) / (2 * step)
    weights = (g - curved / 2).mean((1, 2))
    return np.einsum("hwk,uk->hwu", signal, weights)


def test_shapleycam_equals_its_twin_by_differences():
    model = small()
    net = twins.Net(model)
    _, maps = shapleycam(expose(model, "first"), IMAGES)
    close(maps, [twin(net, image) for image in IMAGES], 1e-5)


@pytest.mark.parametrize("build", [one_conv, flatten_head, small], ids=by_name)
def test_of_plain_logits_of_a_network_of_relus_it_is_gradcam(build):
    exposed = expose(build())
    close(shapleycam(exposed, IMAGES, score="logit")[1], gradcam(exposed, IMAGES)[1])


@pytest.mark.parametrize(("power", "share"), [(1, 1.0), (2, 0.5), (3, 0.0)])
def test_of_a_score_of_some_degree_in_the_signal_it_is_a_known_part_of_gradcam(power, share):
    """Of a power p of the signal, H A = (p - 1) g."""

    def body(x):
        return layers.Lambda(lambda x: x**power, **WIDE)(conv(4, name="first")(x))

    exposed = expose(network(body), "first")
    _, expected = gradcam(exposed, IMAGES)
    _, maps = shapleycam(exposed, IMAGES, score="logit")
    np.testing.assert_allclose(maps, share * np.asarray(expected), atol=1e-13 * np.abs(expected).max())


def test_rest_is_worked_out_on_paper_for_average_pooling_and_one_dense_layer():
    """Slopes 1 + [c = u] - p_c in the logits, and minus their covariance: with W the kernel and m the channels' means,
    the weights are W (s + Cov W' m / 2) / Z."""
    model = one_conv()
    exposed = expose(model)
    logits, maps = map(np.asarray, shapleycam(exposed, IMAGES))
    signal, kernel = np.asarray(exposed(IMAGES)[1]), np.asarray(model.get_layer("logits").kernel)
    for image in range(len(IMAGES)):
        p = np.exp(log_softmax(logits[image]))
        covariance = np.diag(p) - np.outer(p, p)
        bend = covariance @ kernel.T @ signal[image].mean((0, 1)) / 2
        for unit in range(3):
            slopes = 2 * (np.arange(3) == unit) - p
            close(maps[image, ..., unit], signal[image] @ kernel @ (slopes + bend) / 16)


def test_other_targets_and_a_single_unit_have_their_own_score():
    pairs = np.array([[0, 1], [2, 0]])
    exposed = expose(one_conv(), "conv", target=ke.targets.Contrast())
    close(shapleycam(exposed, IMAGES, pairs)[1], gradcam(exposed, IMAGES, pairs)[1])
    one = expose(one_conv(units=1))
    close(shapleycam(one, IMAGES)[1], gradcam(one, IMAGES)[1])
    units = expose(one_conv(), "conv", target=ke.targets.Units())
    close(shapleycam(units, IMAGES, pairs)[1], shapleycam(expose(one_conv()), IMAGES, pairs)[1])


def test_shapleycam_refuses_a_wrong_score():
    with pytest.raises(ValueError, match=r"`score` must be 'rest' or 'logit'. Received: score='softmax'"):
        shapleycam(expose(one_conv()), IMAGES, score="softmax")
