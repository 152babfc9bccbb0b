"""The explanation from end to end, with a TensorFlow that works and with ones that do not."""

import os

import pytest

from ke_widgets.doctor import trial


def test_a_demo_scene_is_explained_in_another_process():
    backend, devices, explained = trial.run()
    assert backend[0] == devices[0] == explained[0] == "ok"
    assert backend[1].endswith("on tensorflow")
    assert "cpu:0" in devices[1]
    assert "map [12, 12]" in explained[1] or "map (12, 12)" in explained[1]
    assert "s to the first map" in explained[1]


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """A function that puts a `keras.py` of the given text before the real one."""

    def put(text):
        (tmp_path / "keras.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    return put


def test_an_import_that_fails_is_one_line_and_no_traceback(broken):
    broken("raise ImportError('libtensorflow.so: undefined symbol')")
    ((level, text, advice),) = trial.run()
    assert (level, text) == (
        "error",
        "the demo could not be explained: ImportError: libtensorflow.so: undefined symbol",
    )
    assert "pip install --force-reinstall tensorflow" in advice


def test_a_missing_module_is_not_blamed_on_tensorflow(broken):
    broken("import a_package_that_is_not_there")
    ((_, text, advice),) = trial.run()
    assert text.endswith("ModuleNotFoundError: No module named 'a_package_that_is_not_there'")
    assert advice == "install what is missing above"


def test_a_crash_of_the_process_is_an_error_and_not_ours(broken):
    broken("import os, signal; os.kill(os.getpid(), signal.SIGABRT)")
    ((level, text, _),) = trial.run()
    assert (level, text) == ("error", "the process was ended by signal 6 while TensorFlow ran")


def test_what_hangs_is_given_up(broken):
    broken("import threading; threading.Event().wait()")
    ((level, text, _),) = trial.run(seconds=1)
    assert (level, text) == ("error", "the demo was not explained within 1 s")


def test_another_backend_is_told_before_it_fails():
    assert trial._backend("jax", "3.9.0") == (
        "error",
        "keras 3.9.0 on jax; explaining needs tensorflow",
        "set KERAS_BACKEND=tensorflow",
    )


def test_a_gpu_that_tensorflow_does_not_find_is_a_warning(monkeypatch):
    monkeypatch.setattr(trial.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert trial._devices(["cpu:0"])[0] == "warning"
    assert trial._devices(["cpu:0", "gpu:0"]) == ("ok", "devices: cpu:0, gpu:0")
    monkeypatch.setattr(trial.shutil, "which", lambda name: None)
    assert trial._devices(["cpu:0"]) == ("ok", "devices: cpu:0")
