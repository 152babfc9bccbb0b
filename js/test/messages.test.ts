import { expect, test } from "vitest";
import { decodeResult } from "../src/kernel/decodeResult.ts";
import { type ResultContent, resolve } from "../src/messages.ts";
import messages from "./fixtures/messages.json";
import { CHOICE, SETUP } from "./model.ts";

test("a result that Python wrote is decoded to the numbers it had", () => {
  const { content, buffers } = messages.kernel.result;
  const bytes = buffers.map((numbers) => Uint8Array.from(numbers));
  const result = decodeResult(content as unknown as ResultContent, bytes);
  expect([...result.values]).toEqual([0, -0.25, 0, 0.5, 2, Number.NaN]);
  expect([...result.scores]).toEqual([0.25, 0.75]);
});

test("two choices with the same map resolve to the same", () => {
  const same = (a: object, b: object) =>
    resolve({ ...CHOICE, ...a }, SETUP.methods) === resolve({ ...CHOICE, ...b }, SETUP.methods);
  expect(same({}, { params: { power: 1 } })).toBe(true);
  expect(same({}, { params: { power: 2 } })).toBe(false);
  expect(same({ layer: "a" }, { layer: "b" })).toBe(false);
  expect(same({ method: "gradients", layer: "a" }, { method: "gradients", layer: "b" })).toBe(true);
  expect(same({ params: { power: 2, other: 1 } }, { params: { other: 2, power: 2 } })).toBe(true);
});
