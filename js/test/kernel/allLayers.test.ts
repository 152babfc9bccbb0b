import { expect, test } from "vitest";
import { AllLayers, type AllLayersContent } from "../../src/kernel/allLayers.ts";
import { decodeResult } from "../../src/kernel/decode.ts";
import messages from "../fixtures/messages.json";
import { allLayersFor, CHOICE, resultFor } from "../model.ts";

test("the message that Python wrote is split into its maps", () => {
  const { content, buffers } = messages.kernel.all_layers;
  const allLayers = new AllLayers(content as AllLayersContent, Uint8Array.from(buffers[0]));
  expect([...allLayers.values(0)]).toEqual([1, -0.5]);
  expect([...allLayers.values(1)]).toEqual([0.25]);
});

test("a layer's map is a result with the scores of the newest one", () => {
  const [content, [bytes]] = allLayersFor({ id: "x", pane: 0, choice: CHOICE }, 4);
  const allLayers = new AllLayers(content, bytes);
  const base = decodeResult(...resultFor(CHOICE, 7));
  expect(allLayers.has("c")).toBe(true);
  expect(allLayers.has("input")).toBe(false);
  const result = allLayers.result({ ...CHOICE, layer: "c" }, base);
  expect([...result.values]).toEqual([3, 1, 1, 1]);
  expect(result.scores).toBe(base.scores);
  expect(result).toMatchObject({ id: null, serial: 7, choice: { layer: "c" }, milliseconds: 9, empty_reason: null });
  expect([...allLayers.concentrations].map((share) => share.toFixed(3))).toEqual(["0.571", "0.538", "0.500"]);
});
