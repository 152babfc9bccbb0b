import pytest

from ke_widgets.widget.export import job
from ke_widgets.widget.features import export
from ke_widgets.widget.features.feature import Progress, Reply


def request(widget, path, **asked):
    known = {"images": [0], "layers": ["stem"], "classes": [0, 1, 2], "methods": None, **asked}
    traits = {**vars(widget.choice), "panes": []}
    return export.request(widget._session, widget._setup, traits, known, path, None, 10_000_000)


def test_a_file_is_written_in_turns_and_its_progress_names_it(widget, tmp_path, monkeypatch):
    monkeypatch.setattr(job, "_TURN_SECONDS", 0.0)
    asked = request(widget, tmp_path / "maps.html")
    found = list(export.answer(widget._session, asked, lambda: None))
    assert found[-1] == Reply({})
    counts = [(each.done, each.total, each.text) for each in found if isinstance(each, Progress)]
    assert counts[-1] == (3, 3, "maps.html: 3 of 3 maps")
    assert found.count(None) >= 3, "others go first after each map"
    assert "What tiny looks at" in (tmp_path / "maps.html").read_text("utf-8")
    assert asked.export.wait(verbose=0) == tmp_path / "maps.html"


def test_a_file_that_is_stopped_is_not_written(widget, tmp_path):
    asked = request(widget, tmp_path / "maps.html")
    export.FEATURE.on_stop(asked)
    assert list(export.answer(widget._session, asked, lambda: "cancelled")) == [Reply({})]
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_exist_is_refused_before_anything_is_queued(widget, tmp_path):
    with pytest.raises(ValueError, match=r"`layers` must be paths of layers"):
        request(widget, tmp_path / "maps.html", layers=["nowhere"])


def test_a_page_cannot_ask_for_a_file():
    assert not export.FEATURE.from_page
