/** Whether what lies behind an element is dark: hosts say it in many ways, but all of them paint it. */
export function isDark(element: Element): boolean {
  for (let at: Element | null = element; at; at = above(at)) {
    const [red, green, blue, alpha = 1] = (getComputedStyle(at).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    if (alpha > 0.5 && blue !== undefined) return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
  }
  return false;
}

function above(element: Element): Element | null {
  const root = element.getRootNode();
  return element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** Call `changed` at once and whenever the host's theme may have changed; returns what ends that. */
export function watchTheme(element: Element, changed: (dark: boolean) => void): () => void {
  const look = () => changed(element.parentElement ? isDark(element.parentElement) : false);
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
