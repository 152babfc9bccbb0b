"""Photographs of other sizes than the model takes, in an exported page: the map lies over what the model saw."""

import io
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import ke_widgets as ke
from ke_widgets.widget.export.snapshot import compose
from tests.browser.explainer import Explainer

SIZES = [(96, 144), (144, 96), (1200, 1800)]
SQUARES = [(20, 40), (60, 50), (700, 1100)]  # The first row and column of a bright one, a sixteenth as long.


def photograph(size, square):
    rows, columns = np.mgrid[: size[0], : size[1]]
    waves = 60 + 25 * np.sin(rows / size[0] * 9)[..., None] + np.array([25, 0, -25]) * np.cos(columns / 20)[..., None]
    side = max(size) // 16
    waves[square[0] : square[0] + side, square[1] : square[1] + side] = 250
    return waves.astype("uint8")


@pytest.fixture(scope="module")
def page_of_photographs(tmp_path_factory):
    """An exported page of a model whose CAM is the brightness."""
    inputs = keras.Input((48, 48, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="light")(x)
    outputs = keras.layers.Dense(2, kernel_initializer="ones", name="scores")(keras.layers.GlobalAveragePooling2D()(x))
    images = [photograph(size, square) for size, square in zip(SIZES, SQUARES, strict=True)]
    widget = ke.ExplainerWidget(
        keras.Model(inputs, outputs, name="bright"), images, method="cam", charts=False, opacity=1.0, threshold=0.0
    )
    path = widget.to_html(tmp_path_factory.mktemp("photographs") / "maps.html", verbose=0)
    yield SimpleNamespace(path=path, widget=widget, images=images)
    widget.close()


@pytest.fixture
def opened(browser, page_of_photographs):
    pages = []

    def at(number, **how):
        page = browser.new_page(**{"viewport": {"width": 1180, "height": 940}, **how})
        pages.append(page)
        page.goto(page_of_photographs.path.as_uri())
        explainer = Explainer(SimpleNamespace(page=page)).settled()
        explainer.page = page
        page.get_by_role("option", name=re.compile(f"^Image {number}")).click()
        expect(explainer.root.locator(".ke-picture")).to_contain_text(f"Image {number}: CAM")
        return explainer.settled()

    yield at
    for page in pages:
        page.close()


def seen(explainer):
    """What is seen of picture and map, RGB."""
    shot = explainer.part("img", "Explanation").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(float)


@pytest.mark.parametrize("number", range(len(SIZES)))
@pytest.mark.parametrize("view", ["overlay", "map", "image"])
def test_the_page_draws_what_python_draws(opened, page_of_photographs, number, view):
    explainer = opened(number)
    explainer.part("combobox", "View").select_option(view)
    widget = page_of_photographs.widget
    explanation = widget._session.run(
        image_index=number, layer="light", class_index=widget.class_index, method="cam", params={}
    )
    drawn = compose(page_of_photographs.images[number], explanation, "inferno", 1.0, 0.0, view)
    found = seen(explainer)
    if view == "map":  # Beside the map the page shows its own ground, Python black.
        top, left, bottom, right = explanation.input_region
        rows, columns = found.shape[:2]
        part = np.zeros(found.shape[:2], bool)
        inside = slice(round(top * rows) + 2, round(bottom * rows) - 2)
        part[inside, round(left * columns) + 2 : round(right * columns) - 2] = True
        found = np.where(part[..., None], found, 0)
    shape = found.shape[1::-1]
    expected = np.asarray(Image.fromarray(drawn).resize(shape, Image.Resampling.BICUBIC)).astype(float)
    assert np.abs(found - expected).mean() < 6
    assert np.median(np.abs(found - expected)) <= 3


def test_what_one_points_at_is_told_in_the_photographs_own_pixels(opened):
    explainer = opened(2)
    picture = explainer.part("img", "Explanation")
    tag = explainer.root.locator(".ke-tag")
    box = picture.bounding_box()

    def point(row, column):
        picture.hover(position={"x": (column + 0.5) / 1800 * box["width"], "y": (row + 0.5) / 1200 * box["height"]})

    point(750, 1150)  # In the middle of the bright square.
    expect(tag).to_contain_text(re.compile(r"pixel 11[45]\d, 7[45]\d"))
    expect(tag).to_contain_text("cell 34, 30")
    point(600, 150)  # Left of the crop, which begins at column 300.
    expect(tag).to_contain_text("outside the model input")
    expect(tag).not_to_contain_text("cell")
    # The keys begin at the strongest cell, and stay in what the model saw.
    explainer.page.mouse.move(0, 0)
    picture.focus()
    explainer.page.keyboard.press("ArrowLeft")
    expect(tag).to_contain_text(re.compile(r"cell 3[2-5], (2[89]|3[01])"))
    for _ in range(60):
        explainer.page.keyboard.press("ArrowLeft")
    expect(tag).to_contain_text("cell 0,")
    expect(tag).to_contain_text(re.compile(r"pixel 31\d,"))


def test_a_photograph_is_downloaded_with_its_map_in_place(opened, page_of_photographs, tmp_path):
    explainer = opened(0)
    with explainer.page.expect_download() as download:
        explainer.part("button", "Save").click()
    download.value.save_as(tmp_path / "saved.png")
    saved = np.asarray(Image.open(tmp_path / "saved.png").convert("RGB")).astype(float)
    widget = page_of_photographs.widget
    explanation = widget._session.run(image_index=0, layer="light", class_index=0, method="cam", params={})
    drawn = compose(page_of_photographs.images[0], explanation, "inferno", 1.0, 0.0)
    assert saved.shape == drawn.shape
    assert np.abs(saved - drawn).max() <= 3
