"""Several widgets and views in one page: each tells of itself, by what a screen reader is told."""

import pytest

# Each widget of a page has a copy of the bundle to itself, as anywidget loads it.
OPEN = """async (count) => {
  const { fakeModel } = await import('./fake.mjs');
  const signal = new AbortController().signal;
  for (let i = 0; i < count; i++) {
    const { default: widget } = await import(`../../ke_widgets/widget/static/widget.js?copy=${i}`);
    const model = await fakeModel('small');
    Object.assign(model.traits, { image_index: i, class_index: i });
    const own = widget();
    await own.initialize({ model, signal });
    for (const view of i === 0 ? [0, 1] : [0]) {
      const el = document.getElementById('place').appendChild(document.createElement('div'));
      await own.render({ model, el, signal });
    }
  }
}"""
# Ids that more than one element has, and references that lead out of their own widget or to nothing.
ASTRAY = """() => {
  const wrong = [];
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  wrong.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `twice: ${id}`));
  for (const root of document.querySelectorAll('.ke'))
    for (const name of ['describedby', 'labelledby', 'activedescendant', 'controls', 'owns'])
      for (const each of root.querySelectorAll(`[aria-${name}]`))
        for (const id of each.getAttribute(`aria-${name}`).split(' '))
          if (!root.contains(document.getElementById(id))) wrong.push(`${name}: ${id}`);
  return wrong;
}"""


@pytest.fixture
def page(browser, address):
    page = browser.new_page(viewport={"width": 1100, "height": 1400})
    page.goto(f"{address}?case=none")
    page.evaluate(OPEN, 3)
    for place in range(4):
        page.get_by_role("status").filter(has_text=" · ").nth(place).wait_for()
    page.wait_for_function("() => document.querySelectorAll('.ke-predicted').length > 20")
    yield page
    page.close()


def told(page):
    """Chromium's accessibility tree: of each widget the description of its picture and the active item of each list."""
    session = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}
    by_dom = {node["backendDOMNodeId"]: node for node in nodes if "backendDOMNodeId" in node}

    def root_of(node):
        while node.get("role", {}).get("value") != "region":
            node = by_id[node["parentId"]]
        return node["nodeId"]

    def text(node, key):
        return node.get(key, {}).get("value", "")

    widgets = {}
    for node in nodes:
        role, name = text(node, "role"), text(node, "name")
        if role == "image" and name == "Explanation":
            widgets.setdefault(root_of(node), {})[name] = text(node, "description")
        for each in node.get("properties", []):
            if each["name"] == "activedescendant":
                (active,) = [by_dom[one["backendDOMNodeId"]] for one in each["value"]["relatedNodes"]]
                widgets.setdefault(root_of(node), {})[name] = text(active, "name")
                assert root_of(active) == root_of(node), f"{name} of one widget leads into another"
    return list(widgets.values())


def test_three_widgets_and_a_second_view_each_tell_of_themselves(page):
    first, again, second, third = told(page)
    assert first == again
    for at, widget in enumerate((first, second, third)):
        label = ["star", "triangle", "disc"][at]
        assert widget["Explanation"].startswith(f"Image {at}: Grad-CAM of class {label} at layer ")
        assert widget["Images"].startswith(f"Image {at}: ")
        assert widget["Classes"].startswith(label)
    assert page.evaluate(ASTRAY) == []


def test_ids_stay_apart_with_cards_dialogs_and_more_panes_open(page):
    roots = page.get_by_role("region", name="Explainer")
    for place in (0, 2, 3):
        roots.nth(place).get_by_role("button", name="Compare").click()
    rows = [roots.nth(place).get_by_role("treeitem", selected=True) for place in range(4)]
    for row in rows[2:]:
        row.focus()
        page.keyboard.press("ArrowUp")
        page.get_by_role("tooltip").wait_for()
        assert page.evaluate(ASTRAY) == []
    roots.nth(3).get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    assert page.evaluate(ASTRAY) == []
    assert page.locator("[aria-describedby]").count() >= 7
