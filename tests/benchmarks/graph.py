"""What the page needs for the largest graph, in a real browser: `python -m tests.benchmarks.graph`.

Prints the time from the graph's arrival to the first frame that shows it, as the browser itself tells of paints, from a
click to the frame with all of its layers unfolded, and the frames per second while those are scrolled.
"""

import statistics

from playwright.sync_api import sync_playwright

from tests.browser.chromium import MISSING, find_chromium
from tests.browser.served import serve_page

MODEL, SMALL = "NASNetLarge", "siamese"
ROUNDS = 9

OPEN = """async (model) => {
    const { fakeModel } = await import("/js/test/fake.mjs");
    const widget = (await import("/ke_widgets/widget/static/widget.js")).default;
    const fake = await fakeModel(`graph-${model}`);
    fake.send = () => {};  // Its kernel would draw images in this very thread.
    const place = document.getElementById("place");
    const frame = () => new Promise(requestAnimationFrame);
    const signal = new AbortController().signal;
    await frame();
    const start = performance.now();
    const { initialize, render } = widget();
    await initialize({ model: fake, signal });
    await render({ model: fake, el: place, signal });
    // The page was empty: its first frame with content is the first that shows rows, if they are there by now.
    await frame();
    if (!place.querySelector("[role=treeitem] svg")) throw new Error("no rows in the first frame");
    const [paint] = await new Promise((resolve) => {
        const seen = (list) => resolve(list.getEntriesByName("first-contentful-paint"));
        new PerformanceObserver(seen).observe({ type: "paint", buffered: true });
    });
    return paint.startTime - start;
}"""

UNFOLD = """async () => {
    const tree = document.querySelector("[role=tree]");
    const frame = () => new Promise(requestAnimationFrame);
    const times = [];
    for (;;) {
        const folded = [...tree.querySelectorAll("[aria-expanded=false] .ke-caret")];
        if (folded.length === 0) {
            const box = tree.parentElement;
            if (box.scrollTop + box.clientHeight >= box.scrollHeight - 1) return times;
            box.scrollTop += 200;
            await frame();
            await frame();
            continue;
        }
        const start = performance.now();
        folded[0].click();
        await frame();
        await frame();
        times.push(performance.now() - start);
    }
}"""

SCROLL = """async () => {
    const box = document.querySelector("[role=tree]").parentElement;
    const frame = () => new Promise(requestAnimationFrame);
    box.scrollTop = 0;
    await frame();
    const times = [await frame()];
    for (let at = 0; at < 240; at++) {
        box.scrollTop += 90;
        times.push(await frame());
    }
    const empty = [...document.querySelectorAll("[role=treeitem]")].length;
    return [times.slice(1).map((time, at) => time - times[at]), empty];
}"""


def _worked(session):
    """Milliseconds that the page's main thread has had of a processor, however busy the machine is."""
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return 1000 * metrics["TaskDuration"]


def _first(page, address, model):
    """Open a model's graph: milliseconds to its first frame, and those of them that the page's thread was at work."""
    page.goto(f"{address}?case=none")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _worked(session)
    first = page.evaluate(OPEN, model)
    return first, _worked(session) - before


def main():
    """Print the three."""
    if not (path := find_chromium()):
        raise SystemExit(MISSING)
    with serve_page() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        times = {SMALL: [], MODEL: []}
        for _ in range(ROUNDS):
            for model, found in times.items():
                page = browser.new_page(viewport={"width": 1100, "height": 800})
                found.append(_first(page, address, model))
                if len(times[MODEL]) < ROUNDS:
                    page.close()  # else it would be at work beside the next one
        unfolded = page.evaluate(UNFOLD)
        frames, rows = page.evaluate(SCROLL)
        browser.close()
    for model, found in times.items():
        first, work = zip(*found)
        print(
            f"{model}, first picture: {statistics.median(first):.0f} ms (of {ROUNDS}: {min(first):.0f} to "
            f"{max(first):.0f}); the page's thread was at work for {statistics.median(work):.0f} of them"
        )
    print(f"unfolding one of {len(unfolded)} blocks: {statistics.median(unfolded):.0f} ms, at most {max(unfolded):.0f}")
    late = sum(frame > 25 for frame in frames)
    rate = 1000 * len(frames) / sum(frames)
    print(f"scrolling all, {rows} rows in the page: {rate:.0f} frames a second, {late} of {len(frames)} late")


if __name__ == "__main__":
    main()
