import { expect, test } from "vitest";
import { decodeResult, decodeSnapshot } from "../../src/kernel/decode.ts";
import type { ResultContent } from "../../src/messages.ts";
import messages from "../fixtures/messages.json";
import { CHOICE, resultFor } from "../model.ts";

test("a result that Python wrote is decoded to the numbers it had", () => {
  const { content, buffers } = messages.kernel.result;
  const bytes = buffers.map((numbers) => Uint8Array.from(numbers));
  const result = decodeResult(content as unknown as ResultContent, bytes);
  expect([...result.values]).toEqual([0, -0.25, 0, 0.5, 2, Number.NaN]);
  expect([...result.scores]).toEqual([0.25, 0.75]);
});

test("a snapshot is decoded with its image, and is null where it is empty", () => {
  const [content, [map, scores]] = resultFor(CHOICE, 3);
  const image = new DataView(new ArrayBuffer(2));
  const kept = decodeSnapshot({ content, map, scores, image, size: [4, 6] });
  expect(kept).toMatchObject({ result: { serial: 3, choice: CHOICE }, image, size: [4, 6] });
  expect([...(kept?.result.values ?? [])]).toEqual([0, 2]);
  expect(decodeSnapshot({ content, map, scores })?.image).toBeNull();
  expect(decodeSnapshot({})).toBeNull();
  expect(decodeSnapshot({ content, map })).toBeNull();
});
