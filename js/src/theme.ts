/** Whether an element's ground is dark, its own or that of what lies behind: hosts say it in many ways, but all paint it. */
export function isDark(element: Element): boolean {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  for (let at: Element | null = element; pen && at; at = above(at)) {
    // Painted, a colour is four bytes in whatever notation the host wrote it; marimo's is `color(srgb 1 1 1)`.
    pen.fillStyle = getComputedStyle(at).backgroundColor;
    pen.clearRect(0, 0, 1, 1);
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
    if (alpha > 127) return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
  }
  return false;
}

function above(element: Element): Element | null {
  const root = element.getRootNode();
  return element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** Call `changed` at once and whenever the host's theme may have changed; returns what ends that. */
export function watchTheme(element: HTMLElement, changed: (dark: boolean) => void): () => void {
  const look = () => {
    element.dataset.theme = ""; // Then its ground is the host's, or none.
    changed(isDark(element));
  };
  const observer = new MutationObserver(() => requestAnimationFrame(look));
  for (const target of [document.documentElement, document.body]) observer.observe(target, { attributes: true });
  observer.observe(document.head, { childList: true, subtree: true });
  const preference = matchMedia("(prefers-color-scheme: dark)");
  preference.addEventListener("change", look);
  const sized = new ResizeObserver(look);
  sized.observe(element);
  look();
  return () => {
    observer.disconnect();
    preference.removeEventListener("change", look);
    sized.disconnect();
  };
}
