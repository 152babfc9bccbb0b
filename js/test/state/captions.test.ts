import { expect, test } from "vitest";
import { caption, differing, fileName } from "../../src/state/captions.ts";
import { Catalog } from "../../src/state/catalog.ts";
import { CHOICE, SETUP } from "../model.ts";

test("panes are captioned by what differs between them, and by nothing else", () => {
  const catalog = new Catalog(SETUP);
  const others = { ...CHOICE, method: "gradients", class_index: 1, contrast_index: 2 };
  const keys = differing([CHOICE, others]);
  expect(keys).toEqual(["class_index", "contrast_index", "method"]);
  expect(caption(CHOICE, keys, catalog)).toBe("Grad-CAM · cat");
  expect(caption(others, keys, catalog)).toBe("Gradients · dog rather than bird");
  expect(caption(CHOICE, differing([CHOICE, CHOICE]), catalog)).toBe("identical");
  const powers = differing([CHOICE, { ...CHOICE, params: { power: 3 } }]);
  expect(caption({ ...CHOICE, params: { power: 3 } }, powers, catalog)).toBe("Grad-CAM, power 3");
});

test("a file's name is safe to write", () => {
  const setup = { ...SETUP, labels: ["<b>cat/../x</b>", "dog", "bird"] };
  expect(fileName(CHOICE, new Catalog(setup))).toBe("tiny-gradcam-b-cat-x-b-Image-0.png");
});
