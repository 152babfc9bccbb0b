import { expect, test } from "vitest";
import { emptyReason } from "../../src/text/emptyReason.ts";

const MAP = { height: 1, width: 2, low: 0, high: 2, min: 0, max: 2, scale: 2, finite: true };

test("a map is empty where it is constant, or not finite", () => {
  expect(emptyReason(MAP)).toBeNull();
  expect(emptyReason({ ...MAP, high: 0 })).toContain("the same everywhere");
  expect(emptyReason({ ...MAP, finite: false })).toContain("NaN or infinite");
  expect(emptyReason({ ...MAP, low: -1, high: 1 })).toBeNull();
});
