import keras
import numpy as np
import pytest
from keras import layers

import ke_widgets as ke
from ke_widgets.methods.features import maximize
from ke_widgets.methods.features.spectrum import spectrum_of
from tests import models

STILL = {"jitter": 0, "scale": 0, "rotation": 0, "verbose": 0}
QUICK = {"steps": 3, "verbose": 0}
RNG = np.random.default_rng(0)


def linear(filters):
    """Units that are each the product of the image and a filter, `(U, H, W, C)`."""
    model = keras.Sequential([keras.Input(filters.shape[1:]), layers.Flatten(), layers.Dense(len(filters))])
    model.layers[-1].kernel.assign(filters.reshape(len(filters), -1).T)
    return model


def stripes(channels, size=16):
    y, x = np.mgrid[:size, :size]
    planes = [np.cos(2 * np.pi * (3 * x + y) / size), np.cos(2 * np.pi * (x - 2 * y) / size)]
    return np.stack([plane[..., None] * np.linspace(1, 0.8, channels) for plane in planes])


def scores_while(model, *args, **own):
    found = []
    images, transparency = maximize(model, *args, progress=lambda done, scores: found.append(scores), **own)
    return np.array(found), images, transparency


@pytest.mark.parametrize("channels", [1, 3])
def test_what_excites_a_linear_unit_most_is_its_filter(channels):
    filters = stripes(channels)
    found, images, _ = scores_while(linear(filters), None, [1, 0], steps=24, **STILL)
    for image, unit in zip(images, (1, 0)):
        assert np.corrcoef(image.ravel(), filters[unit].ravel())[0, 1] > 0.95
    assert (np.diff(found, axis=0) > 0).all()


def test_phases_alone_turn_to_the_filter():
    """Of a natural spectrum, MaCo's best image has the filter's phases: at the stripes' one wave, a cosine."""
    filters = stripes(1)[:1]
    natural = 0.5 + 0.01 * np.cumsum(RNG.normal(size=(6, 16, 16, 1)), axis=1)
    own = {"images": natural, "crop": 1.0, "samples": 2, "learning_rate": 0.1, "verbose": 0}
    found, images, _ = scores_while(linear(filters), None, 0, steps=60, **own)
    assert found[-20:].mean() > found[:3].mean()
    wave = np.fft.fft2(images[0, ..., 0])[1, 3]
    assert abs(np.angle(wave)) < 0.3


@pytest.mark.parametrize("channels", [1, 3])
def test_the_spectrum_of_maco_is_that_of_the_users_images(channels):
    natural = 0.5 + 0.2 * RNG.uniform(-1, 1, size=(6, 20, 20, channels))  # No pixel comes to the end of the range.
    model = linear(stripes(channels))
    _, before, _ = scores_while(model, None, None, images=natural, samples=2, steps=1, verbose=0)
    _, images, _ = scores_while(model, None, None, images=natural, samples=2, steps=20, verbose=0)
    assert 0 < images.min() < images.max() < 1
    assert np.abs(images - before).max() > 0.01
    expected = spectrum_of(natural, (16, 16))
    waves = np.abs(np.fft.fft2((images - expected.mean) @ expected.colours, axes=(1, 2)))
    magnitudes = np.moveaxis(expected.magnitudes, 0, -1)
    np.testing.assert_allclose(waves, np.stack([magnitudes] * 2), rtol=0, atol=1e-5 * magnitudes.max())


def test_classes_of_the_demo_model_become_certain():
    """Triangle and ring, which it does not see in grey."""
    model = ke.demo.load("honest")
    found, images, transparency = scores_while(model, None, [1, 3], steps=48, value_range=(0, 255), verbose=0)
    assert (found[0] < -3).all()
    assert (found[-5:].mean(0) > 3).all()
    assert images.shape == (2, 96, 96, 3)
    assert images.min() >= 0
    assert images.max() <= 255
    assert transparency.shape == (2, 96, 96)
    assert transparency.min() >= 0
    np.testing.assert_array_equal(transparency.max((1, 2)), [1, 1])


def test_units_that_are_off_for_the_first_image_wake_up():
    """A ReLU that is 0 everywhere has no gradient."""
    found, *_ = scores_while(ke.demo.load("honest"), "block2", [0, 1], steps=40, value_range=(0, 255), verbose=0)
    assert (found[0] == 0).all()
    assert (found[-1] > 0.05).all()


def test_all_channels_of_a_layer_come_in_one_call_and_each_is_as_it_is_alone():
    model = models.flat()
    images, transparency = maximize(model, "conv", **QUICK)
    assert images.shape == (4, 8, 8, 3)
    for own in ({"unit": 2}, {"unit": [2, 1], "batch_size": 1}):
        alone, seen = maximize(model, "conv", **own, **QUICK)
        np.testing.assert_allclose(alone[0], images[2], atol=1e-3)
        np.testing.assert_allclose(seen[0], transparency[2], atol=1e-2)


def test_the_seed_decides():
    model = models.flat()
    one, same, other = (maximize(model, None, 0, seed=seed, **QUICK)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_signals_may_be_any_endpoint_and_targets_any_score():
    model = models.nested()
    for layer in ("backbone/conv", {"name": "logits", "link": "logits"}, -1, model.get_layer("pool")):
        images, _ = maximize(model, layer, 0, **QUICK)
        assert images.shape == (1, 8, 8, 3)
    contrast = ke.inspection.expose(model, target=ke.targets.Value())
    found, *_ = scores_while(contrast, None, 1, **QUICK)
    assert ((found > 0) & (found < 1)).all()  # Probabilities.


def test_images_have_rows_columns_and_channels_whatever_the_models_layout():
    first, last = (keras.Sequential([keras.Input(shape)]) for shape in ((2, 6, 5), (6, 5, 2)))
    for model, layout in ((first, "channels_first"), (last, "channels_last")):
        model.add(layers.GlobalAveragePooling2D(data_format=layout))
        model.add(layers.Dense(1, use_bias=False))
        model.layers[-1].kernel.assign([[1.0], [-1.0]])
    images, _ = maximize(first, None, 0, steps=8, **STILL)
    assert images.shape == (1, 6, 5, 2)
    assert (images[..., 0] > 0.5).all()
    assert (images[..., 1] < 0.5).all()
    np.testing.assert_allclose(images, maximize(last, None, 0, steps=8, **STILL)[0], atol=1e-4)


def test_grey_images_have_one_channel():
    grey = keras.Input((6, 5))
    x = layers.Conv2D(2, 3, activation="relu")(layers.Reshape((6, 5, 1))(grey))
    model = keras.Model(grey, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    assert maximize(model, None, 0, **QUICK)[0].shape == (1, 6, 5, 1)


@pytest.mark.parametrize("kind", ["flat", "nested", "subclassed", "in_lists"])
def test_nothing_of_the_model_changes(kind):
    model = getattr(models, kind)()
    before = models.snapshot(model)
    maximize(model, None, 0, **QUICK)
    maximize(model, None, 0, images=RNG.uniform(size=(2, 8, 8, 3)), samples=2, **QUICK)
    assert not models.same(before, models.snapshot(model))


def test_who_raises_ends_it():
    def stop(done, scores):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maximize(models.flat(), None, 0, progress=stop, **QUICK)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"steps": 0}, "`steps` must be an integer of at least 1. Received: steps=0"),
        ({"samples": 0}, "`samples` must be an integer of at least 1"),
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1"),
        ({"jitter": 2}, "`jitter` must be a number from 0 to 0.5. Received: jitter=2."),
        ({"learning_rate": -1}, "`learning_rate` must be a number from 0"),
        ({"value_range": (1, 0)}, "`value_range` must be two numbers"),
        ({"unit": 9}, r"`unit` must be one of the 3 units.*Received: unit=9"),
        ({"layer": "conv", "unit": 4}, r"`unit` must be one of the 4 units.*of conv \(output\)"),
        ({"images": np.zeros((3, 8, 8, 1))}, r"`images` must be images \(N, H, W, 3\).*Received: shape \(3, 8, 8, 1\)"),
        ({"images": np.zeros((0, 8, 8, 3))}, "`images` must be images"),
        ({"verbose": 3}, "`verbose` must be 'auto', 0, 1 or 2. Received: verbose=3"),
        ({"layer": "cnv"}, "cnv"),
    ],
)
def test_what_does_not_fit_is_refused(own, message):
    with pytest.raises(ValueError, match=message):
        maximize(models.flat(), **{"verbose": 0, **own})


def test_a_unit_that_is_no_function_of_the_pixels_is_refused():
    rounded = layers.Lambda(lambda x: keras.ops.cast(keras.ops.argmax(x, axis=-1, keepdims=True), "float32"))
    model = keras.Sequential([keras.Input((4, 4, 3)), layers.Flatten(), rounded])
    with pytest.raises(ValueError, match="The units must depend on the image, in a way that can be differentiated"):
        maximize(model, rounded, 0, **QUICK)


def test_an_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match=r"`ke.maximize` has no argument 'channel'"):
        maximize(models.flat(), channel=3)
    assert ke.maximize is maximize is ke.methods.features.maximize
