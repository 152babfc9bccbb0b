"""The strip tells which image is shown and where it stands, and goes to any other by its number."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def opened(browser, address):
    pages = []

    def at(case, width):
        page = browser.new_page(viewport={"width": width + 40, "height": 1000})
        pages.append(page)
        page.goto(f"{address}?case={case}&width={width}&host=lab")
        page.get_by_role("status").filter(has_text=" · ").wait_for()
        return page

    yield at
    for page in pages:
        page.close()


@pytest.mark.parametrize("width", [480, 968])
def test_an_image_is_gone_to_by_its_number(opened, width):
    page = opened("large", width)
    field, strip = page.get_by_role("spinbutton", name="Go to image"), page.locator(".ke-filter")
    images = page.get_by_role("listbox", name="Images")
    expect(field).to_have_value("0")
    expect(strip).to_contain_text("position 1 of 5,000")
    box, row = field.bounding_box(), strip.bounding_box()
    assert box["height"] >= 24
    assert row["height"] < 48, "one row"
    field.fill("4213")
    field.press("Enter")
    chosen = images.get_by_role("option", selected=True)
    expect(chosen).to_have_attribute("aria-posinset", "4214")
    expect(chosen).to_be_in_viewport()
    expect(strip).to_contain_text("position 4,214 of 5,000")
    expect(page.get_by_role("img", name="Explanation").locator(".ke-hidden")).to_contain_text("Image 4213")
    # The field goes with what is chosen elsewhere.
    images.focus()
    page.keyboard.press("ArrowRight")
    expect(field).to_have_value("4214")
    # Of digits typed none is a shortcut.
    field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("12")
    expect(page.get_by_role("group")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(chosen).to_have_attribute("aria-posinset", "13")


@pytest.mark.parametrize("typed", ["5000", "-1", "2.5", ""])
def test_a_number_that_no_image_has_is_refused_in_a_sentence_and_nothing_moves(opened, typed):
    page = opened("large", 968)
    field = page.get_by_role("spinbutton", name="Go to image")
    field.fill(typed)
    field.press("Enter")
    field.blur()
    expect(page.get_by_role("status")).to_contain_text("No image")
    expect(page.get_by_role("status")).to_contain_text("The last index is 4,999.")
    expect(field).to_have_value("0")
    page.get_by_role("listbox", name="Images").get_by_role("option").nth(2).click()
    expect(page.get_by_role("status")).to_contain_text("Grad-CAM of")


def test_the_place_is_among_the_images_that_are_listed(opened):
    page = opened("small", 968)
    strip = page.locator(".ke-filter")
    page.get_by_role("combobox", name="Show images").select_option("wrong")
    expect(strip).to_contain_text("3 of 24")
    expect(strip).to_contain_text("none of 3")
    page.get_by_role("listbox", name="Images").get_by_role("option").nth(1).click()
    expect(page.get_by_role("spinbutton", name="Go to image")).to_have_value("10")
    expect(strip).to_contain_text("position 2 of 3")
