"""Pictures of the page, to look at: `python -m tests.browser.gallery WHEN FOLDER [CASE ...]`, WHEN such as `before`.

Each case in both themes and at four widths: narrow, where columns fold, on a projector (1024 pixels, zoom 125 %),
and on a large screen. They are the page without Jupyter, on a kernel's stand-in; build it first.
"""

import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import find_chromium
from tests.browser.explainer import pick_method
from tests.browser.lab import CHROMIUM_ARGS
from tests.browser.served import serve_page

# Width of the window, its height, and how many pixels of the screen one of its own has.
WINDOWS = {480: (480, 900, 1), 640: (640, 900, 1), 1024: (819, 614, 1.25), 1600: (1600, 1000, 1)}


def _second_pane(page):
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("listbox", name="Classes").get_by_role("option").nth(1).click()
    expect(page.get_by_role("img", name="Explanation 2")).to_be_visible()


def _other_class(page):
    page.get_by_role("listbox", name="Classes").get_by_role("option").nth(1).click()
    page.wait_for_timeout(900)


def _signed(page):
    pick_method(page, "gradients")
    expect(page.get_by_role("status")).to_contain_text("Input gradients")


# What the stand-in plays, and what is done then.
CASES = {
    "small": ("small", None),
    "large": ("large", None),
    "panes": ("small", _second_pane),
    "error": ("error", _other_class),
    "waiting": ("mute", _other_class),
    "signed": ("small", _signed),
}


def take(page, address, case, theme, path):
    """Open a case in a theme and write its picture."""
    kind, act = CASES[case]
    page.goto(f"{address}?case={kind}&host=lab&theme={theme}&width={page.viewport_size['width'] - 36}")
    page.get_by_role("status").filter(has_text=" · ").wait_for()
    if act:
        act(page)
    page.wait_for_timeout(400)  # thumbnails and predictions come last
    page.screenshot(path=path, full_page=True)


def main(when, folder, *cases):
    """Write all pictures."""
    with sync_playwright() as playwright, serve_page() as address:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGS)
        for name, (width, height, ratio) in WINDOWS.items():
            page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=ratio)
            for case in cases or CASES:
                for theme in ("light", "dark"):
                    take(page, address, case, theme, Path(folder) / f"item13-{case}-{when}-{theme}-{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
