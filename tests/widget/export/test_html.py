import json
import re

import pytest

from ke_widgets.widget.export import html
from ke_widgets.widget.export.html import listed, page, text


@pytest.mark.parametrize(
    ("words", "expected"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_in_a_sentence(words, expected):
    assert listed(words) == expected


def test_nothing_in_the_data_can_end_its_script():
    bad = {"label": "</script><script>alert(1)</script>&"}
    assert not set("<>&") & set(text(bad))
    assert json.loads(text(bad)) == bad
    with pytest.raises(ValueError, match="JSON"):
        text(float("nan"))


def test_the_page_allows_its_own_script_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(html, "_STATIC", tmp_path)
    with pytest.raises(RuntimeError, match=r"offline\.js is missing"):
        page("a", "b", {})
    (tmp_path / "offline.js").write_text("run()")
    (tmp_path / "offline.css").write_text("p {}")
    head, foot = page("<b>", "about & more", {"x": 1})
    assert "<h1>&lt;b&gt;</h1>" in head
    assert "about &amp; more" in head
    assert "<script>run()</script>" in foot
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', head)[1]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]+'", policy)
    assert "http" not in policy
