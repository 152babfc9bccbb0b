import keras
import numpy as np

from ke_widgets.methods.perturbation.regression import least_norm, moments, ridge, with_sum

RNG = np.random.default_rng(0)
FEATURES = RNG.integers(0, 2, size=(40, 5)).astype("float64")
SCORES = RNG.normal(size=(40, 2, 3))
FOR_ALL, FOR_EACH = RNG.uniform(0.1, 1, size=(40, 1)), RNG.uniform(0.1, 1, size=(40, 2))


def test_moments_are_the_same_in_one_step_and_in_several():
    whole = moments(FEATURES, FOR_ALL, SCORES)
    pieces = [moments(FEATURES[i : i + 8], FOR_ALL[i : i + 8], SCORES[i : i + 8]) for i in range(0, 40, 8)]
    for one, other in zip(whole, keras.tree.map_structure(lambda *x: sum(x), *pieces)):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_ridge_is_the_normal_equations_with_a_free_intercept():
    for weights in (FOR_ALL, FOR_EACH):
        for alpha in (0.0, 1.0):
            found = ridge(moments(FEATURES, weights, SCORES), alpha)
            for image in range(2):
                design = np.c_[FEATURES, np.ones(40)]
                weighted = design.T * weights[:, min(image, weights.shape[1] - 1)]
                penalty = alpha * np.diag([1, 1, 1, 1, 1, 0])
                expected = np.linalg.solve(weighted @ design + penalty, weighted @ SCORES[:, image])[:5]
                np.testing.assert_allclose(found[image], expected, rtol=1e-9, atol=1e-12)


def test_a_given_sum_is_kept_and_the_rest_is_least_squares():
    intercept, total = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))
    found = np.asarray(with_sum(moments(FEATURES, FOR_ALL, SCORES), intercept, total, np.ones((1, 5))))
    np.testing.assert_allclose(found.sum(axis=1), total, atol=1e-12)
    # The last coefficient is the sum less the others: least squares without a constraint.
    for image in range(2):
        design = (FEATURES[:, :4] - FEATURES[:, 4:]) * np.sqrt(FOR_ALL)
        rest = (SCORES[:, image] - intercept[image] - FEATURES[:, 4:] * total[image]) * np.sqrt(FOR_ALL)
        expected = np.linalg.lstsq(design, rest, rcond=None)[0]
        np.testing.assert_allclose(found[image, :4], expected, rtol=1e-9, atol=1e-12)


def test_features_that_do_not_exist_get_0():
    present = np.array([[1.0, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    found = moments(FEATURES, FOR_ALL, SCORES)
    both = np.asarray(with_sum(found, np.ones((2, 3)), np.full((2, 3), 2.0), present))
    np.testing.assert_array_equal(both[1, 3:], 0)
    np.testing.assert_allclose(both.sum(axis=1), 2, atol=1e-12)
    few = moments(FEATURES[:, :3], FOR_ALL, SCORES)
    alone = with_sum(few, np.ones((2, 3)), np.full((2, 3), 2.0), np.ones((1, 3)))
    np.testing.assert_allclose(both[1, :3], alone[1], rtol=1e-9, atol=1e-12)


def test_too_few_samples_give_the_solution_of_least_norm():
    features = FEATURES[:3]
    found = ridge(moments(features, np.ones((3, 1)), SCORES[:3]), 0.0)
    centred = features - features.mean(axis=0)
    expected = np.linalg.lstsq(centred, SCORES[:3, 0] - SCORES[:3, 0].mean(axis=0), rcond=None)[0]
    np.testing.assert_allclose(found[0], expected, atol=1e-9)
    np.testing.assert_array_equal(least_norm(np.zeros((1, 2, 2)), np.ones((1, 2, 1))), np.zeros((1, 2, 1)))
