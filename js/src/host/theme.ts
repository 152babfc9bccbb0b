/** The host's own background behind the widget, by the variables of its theme; see `styles/base.css`. */
const GROUND = "--ground";

/**
 * Whether an element's background is dark, the host's or an ancestor's: hosts name their themes differently, but all
 * paint them.
 */
export function isDark(element: Element): boolean {
  const own = shadeOf(getComputedStyle(element).getPropertyValue(GROUND));
  if (own) return own === "dark";
  for (let at = above(element); at; at = above(at)) {
    const shade = shadeOf(getComputedStyle(at).backgroundColor);
    if (shade) return shade === "dark";
  }
  return false;
}

type Shade = "dark" | "light" | null;

const known = new Map<string, Shade>();

/** Classify a colour in any notation (marimo's is `color(srgb 1 1 1)`); null if it is transparent. */
function shadeOf(colour: string): Shade {
  const shade = known.get(colour);
  if (shade !== undefined) return shade;
  const found = painted(colour);
  known.set(colour, found);
  return found;
}

/** The usual notation of computed styles: painting a colour takes 10 ms the first time. */
const NUMBERS = /^rgb\((\d+), (\d+), (\d+)\)$/;

/** Paint a colour to read its bytes. */
function painted(colour: string): Shade {
  const rgb = NUMBERS.exec(colour);
  if (rgb) return shadeOfBytes(Number(rgb[1]), Number(rgb[2]), Number(rgb[3]));
  if (colour === "transparent" || colour === "rgba(0, 0, 0, 0)") return null;
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  if (!pen) return null;
  pen.fillStyle = "transparent"; // An invalid colour leaves it unchanged.
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
  return alpha < 128 ? null : shadeOfBytes(red, green, blue);
}

function shadeOfBytes(red: number, green: number, blue: number): Shade {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128 ? "dark" : "light";
}

function above(element: Element): Element | null {
  const root = element.getRootNode();
  return element.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
}

/** JupyterLab changes the page's icon with every message to the kernel; that is no change of the theme. */
function ofIcons({ type, addedNodes, removedNodes }: MutationRecord): boolean {
  const nodes = [...addedNodes, ...removedNodes] as Partial<HTMLLinkElement>[];
  return type === "childList" && nodes.every(({ rel }) => rel === "icon");
}

/** Call `changed` at once and whenever the host's theme may have changed; returns a function that ends this. */
export function watchTheme(element: HTMLElement, changed: (dark: boolean) => void): () => void {
  const report = () => changed(isDark(element));
  const observer = new MutationObserver((all) => {
    if (!all.every(ofIcons)) requestAnimationFrame(report);
  });
  for (const target of [document.documentElement, document.body]) observer.observe(target, { attributes: true });
  observer.observe(document.head, { childList: true, subtree: true });
  const preference = matchMedia("(prefers-color-scheme: dark)");
  preference.addEventListener("change", report);
  // Attached or shown, the widget may have another background; a mere resize does not change it.
  let shown = false;
  const sized = new ResizeObserver(([{ contentRect }]) => {
    const now = contentRect.width > 0;
    if (now && !shown) report();
    shown = now;
  });
  sized.observe(element);
  report();
  return () => {
    observer.disconnect();
    preference.removeEventListener("change", report);
    sized.disconnect();
  };
}
