import { expect, test } from "vitest";
import type { Traits } from "../../src/messages.ts";
import { Display } from "../../src/state/display.ts";
import { CHOICE } from "../model.ts";

const TRAITS: Traits = {
  ...CHOICE,
  opacity: 0.6,
  colormap: "inferno",
  threshold: 0.1,
  view: "map",
  panes: [],
  panel: "",
};

function open(traits: Partial<Traits> = {}, signed = false) {
  const saved: unknown[][] = [];
  const display = new Display({ ...TRAITS, ...traits }, signed, (...args) => saved.push(args));
  return { display, saved };
}

test("it starts with what Python has, and with the overlay where an older kernel says nothing", () => {
  expect(open().display.settings(false)).toEqual({ opacity: 0.6, threshold: 0.1, view: "map", colormap: "inferno" });
  expect(open({ view: undefined }).display.view.value).toBe("overlay");
});

test("each kind of map has its colormap; the default of one is none for the other", () => {
  const { display } = open();
  expect([display.colormap(false), display.colormap(true)]).toEqual(["inferno", "RdBu_r"]);
  display.keepColormap("viridis", true);
  expect([display.colormap(false), display.colormap(true)]).toEqual(["inferno", "viridis"]);
  expect(open({ colormap: "turbo" }, true).display.colormap(true)).toBe("turbo");
  expect(open({ colormap: "inferno" }, true).display.colormap(true)).toBe("RdBu_r");
});

test("what the user sets is shown at once, and saved", () => {
  const { display, saved } = open();
  display.setOpacity(0.2, true);
  display.setThreshold(0.4);
  display.setView("image");
  expect(display.settings(false)).toMatchObject({ opacity: 0.2, threshold: 0.4, view: "image" });
  expect(saved).toEqual([[{ opacity: 0.2 }, true], [{ threshold: 0.4 }, false], [{ view: "image" }]]);
});

test("what Python sets is shown and not saved; a left-over sequential colormap is no choice for a signed map", () => {
  const { display, saved } = open();
  display.take({ opacity: 0, threshold: 0.3, view: "overlay", colormap: "inferno" }, true);
  expect(display.settings(true)).toEqual({ opacity: 0, threshold: 0.3, view: "overlay", colormap: "RdBu_r" });
  display.take({ colormap: "magma" }, true);
  expect(display.colormap(true)).toBe("magma");
  expect(saved).toEqual([]);
});

test("the open panel is a trait: what the page opens is saved, and what Python opens is opened", () => {
  const { display, saved } = open({ panel: "curves" });
  expect(display.panel.value).toBe("curves");
  display.setPanel("");
  expect(saved).toEqual([[{ panel: "" }]]);
  display.take({ panel: "brush" }, false);
  expect(display.panel.value).toBe("brush");
  expect(open({ panel: undefined }).display.panel.value, "an exported file has no panels").toBe("");
});
