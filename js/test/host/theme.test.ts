import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isDark, watchTheme } from "../../src/host/theme.ts";

interface Fake {
  ground?: string;
  background?: string;
  parentElement: Fake | null;
  getRootNode(): unknown;
}

function element(own: Partial<Fake>, parentElement: Fake | null = null): Fake {
  return { parentElement, getRootNode: () => null, ...own };
}

const CLEAR = "rgba(0, 0, 0, 0)";
const asElement = (fake: Fake) => fake as unknown as HTMLElement;

beforeEach(() => {
  vi.stubGlobal("ShadowRoot", class {});
  vi.stubGlobal("getComputedStyle", ({ ground = "transparent", background = CLEAR }: Fake) => ({
    getPropertyValue: (name: string) => (name === "--ground" ? ground : ""),
    backgroundColor: background,
  }));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test("the host's own colour decides", () => {
  const page = element({ background: "rgb(255, 255, 255)" });
  expect(isDark(asElement(element({ ground: "rgb(17, 17, 17)" }, page)))).toBe(true);
  expect(isDark(asElement(element({ ground: "rgb(250, 250, 250)" }, element({ background: "rgb(0, 0, 0)" }))))).toBe(
    false,
  );
});

test("without one the nearest background behind it does, and white where there is none", () => {
  const page = element({ background: "rgb(16, 19, 22)" });
  expect(isDark(asElement(element({}, element({}, page))))).toBe(true);
  expect(isDark(asElement(element({}, element({ background: "rgb(240, 240, 240)" }, page))))).toBe(false);
  expect(isDark(asElement(element({})))).toBe(false);
});

test("brightness is weighed as the eye does: blue is dark, yellow is light", () => {
  expect(isDark(asElement(element({ ground: "rgb(0, 0, 255)" })))).toBe(true);
  expect(isDark(asElement(element({ ground: "rgb(255, 255, 0)" })))).toBe(false);
});

test("a colour in another notation is painted, and read", () => {
  class Canvas {
    getContext() {
      return { fillRect() {}, getImageData: () => ({ data: [20, 20, 20, 255] }) };
    }
  }
  vi.stubGlobal("OffscreenCanvas", Canvas);
  expect(isDark(asElement(element({ ground: "color(srgb 0.08 0.08 0.08)" })))).toBe(true);
});

test("the theme is reported at once and when the host changes it, until the end", () => {
  let changed: (records: object[]) => void = () => undefined;
  const ended = vi.fn();
  class Observer {
    constructor(callback: (records: object[]) => void) {
      changed = callback;
    }
    observe() {}
    disconnect = ended;
  }
  vi.stubGlobal("MutationObserver", Observer);
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect = ended;
    },
  );
  vi.stubGlobal("document", {});
  vi.stubGlobal("matchMedia", () => ({ addEventListener() {}, removeEventListener: ended }));
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => run());
  const host = element({ ground: "rgb(1, 1, 1)" });
  const themes: boolean[] = [];
  const end = watchTheme(asElement(host), (dark) => themes.push(dark));
  host.ground = "rgb(254, 254, 254)";
  changed([{ type: "childList", addedNodes: [{ rel: "icon" }], removedNodes: [] }]);
  expect(themes).toEqual([true]);
  changed([{ type: "attributes", addedNodes: [], removedNodes: [] }]);
  expect(themes).toEqual([true, false]);
  end();
  expect(ended).toHaveBeenCalledTimes(3);
});
