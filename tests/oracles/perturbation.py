"""Make `perturbation_torch.npz` and `perturbation_xplique.npz`: what other libraries say of the networks of `make.py`.

Not run in tests, which read the files. To make them again, each in an environment of its own:

    pip install torch numpy tqdm pillow shap lime captum && pip install --no-deps grad-cam ttach
    python tests/oracles/perturbation.py torch

    pip install tensorflow xplique pytest
    PYTHONPATH=. python tests/oracles/perturbation.py xplique

Where a library draws its own random samples they are stored, and the test hands them to ours. The segments are the six
pairs of rows, but for occlusion.
"""

import sys
from pathlib import Path
from unittest import mock

import numpy as np

HERE = Path(__file__).parent
NAMES = ("plain", "normed", "residual")
BASELINE, WINDOW, STRIDE = 0.25, 4, 2
STRIPES = np.arange(144).reshape(12, 12) // 24


def mixed(image, masks):
    """Give images `(N, 12, 12, 3)` that show each stripe as much as `(N, 6)` says, and the baseline beside it."""
    masks = masks[:, STRIPES][..., None]
    return image * masks + BASELINE * (1 - masks)


def with_torch():
    # Before `make`, which puts stand-ins in the place of what only its own libraries do without.
    import captum.attr
    import shap
    import torch
    from lime import lime_image

    of_pictures = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    sys.modules |= dict.fromkeys(of_pictures, mock.MagicMock())
    sys.path.insert(0, str(HERE))
    import make

    sys.meta_path = [each for each in sys.meta_path if not isinstance(each, make.Needless)]
    kinds = (make.Plain, make.Normed, make.Residual)
    found = {}
    for name, kind in zip(NAMES, kinds):
        numbers = np.load(HERE / f"{name}.npz")
        model = kind().double().eval()
        state = model.state_dict()
        keras_names = {**make.PLAIN, **{key: value for key, value in make.NORMED.items() if "running" in key}}
        for path in state:
            layer, _, weight = path.rpartition(".")
            if weight == "num_batches_tracked":
                continue
            names = make.NORMED if layer.startswith("bn") else keras_names
            array = numbers[f"weight.{layer}.{names[weight]}"]
            state[path] = torch.tensor(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T)
        model.load_state_dict(state)

        def logits(images, model=model):
            with torch.no_grad():
                return model(torch.tensor(np.moveaxis(np.asarray(images, "float64"), -1, 1))).numpy()

        inputs = numbers["inputs"]
        np.testing.assert_allclose(logits(inputs), numbers["logits"], atol=1e-12)
        found |= {
            f"{name}.{key}": value
            for key, value in of_torch(captum.attr, shap, lime_image, model, logits, inputs).items()
        }
    return found


def of_torch(captum, shap, lime_image, model, logits, inputs):
    import torch

    x, units = torch.tensor(np.moveaxis(inputs, -1, 1)), range(model.dense.out_features)
    stripes = torch.tensor(STRIPES)[None, None]
    cells = torch.arange(12) // 4
    cells = (3 * cells[:, None] + cells)[None, None]
    sliding = {"sliding_window_shapes": (3, WINDOW, WINDOW), "strides": (3, STRIDE, STRIDE), "baselines": BASELINE}
    maps = {
        "occlusion": lambda u: captum.Occlusion(model).attribute(x, target=u, **sliding),
        "ablation": lambda u: captum.FeatureAblation(model).attribute(x, BASELINE, u, feature_mask=cells),
        "shapley": lambda u: captum.ShapleyValues(model).attribute(x, BASELINE, u, feature_mask=stripes),
    }
    found = {}
    for key, attribute in maps.items():
        each = [attribute(u).detach().numpy() for u in units]
        for one in each:  # The same for all channels.
            np.testing.assert_allclose(one, np.broadcast_to(one[:, :1], one.shape), atol=1e-12)
        found[key] = np.stack([one[:, 0] for one in each], -1)
    values = []
    for image in inputs:
        explainer = shap.KernelExplainer(lambda masks, image=image: logits(mixed(image, masks)), np.zeros((1, 6)))
        values.append(explainer.shap_values(np.ones((1, 6)), nsamples=64, l1_reg=False, silent=True)[0])
    found["kernel_shap"] = np.stack(values)
    draws, coefficients = [], []
    for image in inputs:
        explainer = lime_image.LimeImageExplainer(random_state=3)

        def data_labels(*args, explainer=explainer, **kwargs):
            data, labels = lime_image.LimeImageExplainer.data_labels(explainer, *args, **kwargs)
            draws.append(data)
            return data, labels

        explainer.data_labels = data_labels
        options = {"hide_color": BASELINE, "num_samples": 50, "top_labels": None, "labels": tuple(units)}
        told = explainer.explain_instance(image, logits, segmentation_fn=lambda _: STRIPES, **options)
        coefficients.append(np.stack([[dict(told.local_exp[u])[i] for u in units] for i in range(6)]))
    return found | {"lime_draws": np.stack(draws), "lime": np.stack(coefficients)}


def with_xplique():
    import keras
    import tensorflow as tf
    from xplique.attributions import Rise
    from xplique.attributions.global_sensitivity_analysis.hsic_estimators import BinaryEstimator
    from xplique.attributions.global_sensitivity_analysis.sobol_estimators import JansenEstimator

    from tests.methods import test_oracles

    class Mended(BinaryEstimator):
        """With the median of the distances of scores as the width; theirs is that of the scores themselves."""

        def output_kernel_func(self, X, Y):
            distances = np.abs(np.asarray(X) - np.asarray(Y))
            width = np.median(distances[np.triu_indices(len(distances), 1)])
            return tf.exp(-((X - Y) ** 2) / (2 * width**2))

    def recorded(inputs, masks, value):
        drawn = apply(inputs, masks, value)
        shown.append(np.asarray(drawn[1])[..., 0])
        return drawn

    apply, Rise.EPSILON = Rise._apply_masks, 0.0
    Rise._apply_masks = staticmethod(recorded)
    rng, found = np.random.default_rng(0), {}
    for name in NAMES:
        numbers, inputs = np.load(HERE / f"{name}.npz"), keras.Input((12, 12, 3), dtype="float64")
        model = keras.Model(inputs, getattr(test_oracles, name)(inputs)[0])
        for key in [key for key in numbers if key.startswith("weight.")]:
            _, layer, weight = key.split(".")
            getattr(model.get_layer(layer), weight).assign(numbers[key])
        image, units = numbers["inputs"][:1], numbers["logits"].shape[-1]
        uniform = rng.random((16, 12)).astype("float32")  # Matrices A and B beside each other.
        a, b = uniform[:, :6], uniform[:, 6:]
        replaced = [np.where(np.arange(6) == i, b, a) for i in range(6)]
        rows = np.concatenate([a, b, *replaced]).astype("float64")
        chosen = (rng.random((30, 6)) < 0.5).astype("float64")
        outputs = {"sobol": model(mixed(image, rows)).numpy(), "hsic": model(mixed(image, chosen)).numpy()}
        grids = {"sobol": rows.reshape(-1, 6, 1, 1), "hsic": chosen.reshape(-1, 6, 1, 1).astype("float32")}
        estimators = {"sobol": (JansenEstimator(), 16), "hsic": (Mended(), 30)}
        for key, (estimator, number) in estimators.items():
            each = [np.ravel(estimator(grids[key], outputs[key][:, u], number)) for u in range(units)]
            found[f"{name}.{key}"] = np.stack(each, -1)
        # A mean: they divide by n, we by (n - 1)^2.
        found[f"{name}.hsic"] = found[f"{name}.hsic"] * 30 / 29**2
        narrow = keras.Input((12, 12, 3), dtype="float32")
        single = keras.Model(narrow, keras.ops.cast(model(keras.ops.cast(narrow, "float64")), "float32"))
        maps, shown = [], []
        for unit in range(units):
            tf.random.set_seed(0)
            explainer = Rise(single, batch_size=40, nb_samples=40, grid_size=4, mask_value=BASELINE)
            maps.append(
                np.asarray(explainer(image.astype("float32"), np.eye(units, dtype="float32")[[unit]]))[0, ..., 0]
            )
        np.testing.assert_array_equal(shown, [shown[0]] * units)  # The same seed, the same masks.
        found |= {f"{name}.rise": np.stack(maps, -1), f"{name}.rise_masks": shown[0]}
        found |= {f"{name}.sobol_draws": uniform, f"{name}.hsic_draws": chosen}
    return found


def main():
    (which,) = sys.argv[1:]
    found = {"torch": with_torch, "xplique": with_xplique}[which]()
    path = HERE / f"perturbation_{which}.npz"
    np.savez_compressed(path, **found)
    print(path.name, path.stat().st_size // 1000, "kB", {key: value.shape for key, value in found.items()})


if __name__ == "__main__":
    main()
