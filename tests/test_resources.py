from pathlib import Path

from ke_widgets import resources

ROOT = Path(__file__).parents[1]


def test_in_a_clone_the_folders_are_those_of_the_repository():
    assert resources.folder("notebooks").samefile(ROOT / "notebooks")
    assert resources.folder("workshop").samefile(ROOT / "jupyter-config" / "workshop")


def test_in_a_wheel_they_are_inside_the_package(tmp_path, monkeypatch):
    (tmp_path / "demo" / "notebooks").mkdir(parents=True)
    monkeypatch.setattr(resources, "_HERE", tmp_path)
    assert resources.folder("notebooks") == tmp_path / "demo" / "notebooks"
