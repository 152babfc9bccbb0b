"""A class on one server: several notebooks, kernels and pages at once. `make bench` takes six."""

from tests.browser.users import open_users, use_at_once


def test_three_notebooks_at_once_lose_nothing(server, browser):
    with open_users(server, browser, 3) as explainers:
        use_at_once(explainers, 40)
