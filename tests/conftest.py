"""The order of the tests: what is quick fails first."""

from pathlib import Path

# The browser tests come last of all: Playwright keeps an event loop running in the main thread.
LATE = ("tests/test_wheel.py", "tests/browser/")


def pytest_collection_modifyitems(config, items):
    def lateness(item):
        path = Path(item.path).relative_to(config.rootpath).as_posix()
        return next((late for late, start in enumerate(LATE, 1) if path.startswith(start)), 0)

    items.sort(key=lateness)
