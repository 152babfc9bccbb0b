import { expect, test } from "vitest";
import { bars, concentration, placeOf, Scan } from "../../src/kernel/allLayers.ts";
import type { ScanContent } from "../../src/messages.ts";
import { Store } from "../../src/state/store.ts";
import messages from "../fixtures/messages.json";
import { CHOICE, FakeModel, resultFor, SETUP, scanFor } from "../model.ts";

const PNG = new DataView(new ArrayBuffer(1));

async function open(state: Record<string, unknown> = {}) {
  const model = new FakeModel(state);
  const store = new Store(model, new AbortController().signal, async () => ({ width: 4, height: 4 }) as ImageBitmap);
  store.open();
  model.say(...resultFor(CHOICE, 1));
  for (const index of [0, 1]) {
    model.say({ kind: "images", id: "x", indices: [index], size: 0, sizes: [[4, 4]] }, [PNG]);
  }
  await new Promise((resolve) => setTimeout(resolve));
  return { model, store };
}

const scans = (model: FakeModel) => model.sent.filter(({ kind }) => kind === "scan");

test("a scan that Python wrote is parted into its maps", () => {
  const { content, buffers } = messages.kernel.scan;
  const scan = new Scan(content as ScanContent, Uint8Array.from(buffers[0]));
  expect([...scan.values(0)]).toEqual([1, -0.5]);
  expect([...scan.values(1)]).toEqual([0.25]);
});

test("concentration is the share of the positive mass in the strongest tenth", () => {
  const even = new Float32Array(20).fill(2);
  expect(concentration(even)).toBeCloseTo(0.1);
  const peaked = Float32Array.from({ length: 20 }, (_, i) => (i === 7 ? 3 : 0));
  expect(concentration(peaked)).toBe(1);
  const signed = Float32Array.from([-9, 4, 1, 1, 1, 1, 1, 1, 0, 0]);
  expect(concentration(signed)).toBeCloseTo(0.4);
  expect(concentration(new Float32Array(9))).toBe(0);
  expect(concentration(Float32Array.of(Number.NaN, -1))).toBe(0);
});

test("bars stand side by side, one unit each", () => {
  expect(bars(Float32Array.of(0.5, 1), 0)).toBe("M0 1v-0.5h1v0.5zM1 1v-1h1v1z");
});

test("a layer that Depth leaves out stands where the last one before it does", () => {
  const order = ["input", "a", "x", "b", "c"];
  expect(placeOf("b", ["a", "b", "c"], order)).toBe(1);
  expect(placeOf("x", ["a", "b", "c"], order)).toBe(0);
  expect(placeOf("input", ["a", "b", "c"], order)).toBe(-1);
});

test("Depth asks for a scan once; then moving draws from it and says nothing", async () => {
  const { model, store } = await open();
  store.dive();
  store.dive();
  expect(scans(model)).toEqual([{ kind: "scan", id: expect.any(String), pane: 0, choice: CHOICE }]);
  model.say(...scanFor(scans(model)[0], 2));
  const sent = model.sent.length;
  for (const layer of ["b", "c", "a", "c"]) store.pick({ layer }, true);
  expect(model.sent).toHaveLength(sent);
  expect(store.busy.value).toBe(false);
  expect(store.picture.value?.result).toMatchObject({ choice: { layer: "c" }, map: { height: 2 } });
  expect([...(store.picture.value?.result?.values ?? [])]).toEqual([3, 1, 1, 1]);
  expect([...(store.picture.value?.result?.scores ?? [])]).toHaveLength(3);
  store.dive();
  expect(model.sent).toHaveLength(sent);
});

test("until the scan is here Depth picks layers the ordinary way", async () => {
  const { model, store } = await open();
  store.dive();
  store.pick({ layer: "b" }, true);
  expect(model.explains).toMatchObject([{ choice: { layer: "b" } }]);
});

test("an answer to an older question does not undo what was drawn from the scan", async () => {
  const { model, store } = await open();
  store.dive();
  store.pick({ layer: "b" }, true);
  model.say(...scanFor(scans(model)[0], 2));
  store.pick({ layer: "c" }, true);
  model.answer(model.explains[0], 9);
  expect(store.picture.value?.result?.choice.layer).toBe("c");
  expect(store.busy.value).toBe(false);
});

test("another class is scanned after its map came, if Depth was used last", async () => {
  const { model, store } = await open();
  store.dive();
  model.say(...scanFor(scans(model)[0], 2));
  store.pick({ class_index: 1 });
  expect(store.active.value.scan.value).toBeNull();
  expect(scans(model)).toHaveLength(1);
  model.answer(model.explains[0], 3);
  expect(scans(model)[1]).toMatchObject({ choice: { class_index: 1 } });
  model.say(...scanFor(scans(model)[1], 4));
  store.pick({ layer: "b" });
  model.answer(model.explains[1], 5);
  store.pick({ class_index: 2 });
  model.answer(model.explains[2], 6);
  expect(scans(model)).toHaveLength(2);
});

test("a scan belongs to its choice: back there it is used again", async () => {
  const { model, store } = await open();
  store.dive();
  model.say(...scanFor(scans(model)[0], 2));
  store.pick({ layer: "c" });
  model.answer(model.explains[0], 3);
  expect(store.active.value.scan.value?.has("c")).toBe(true);
  store.pick({ contrast_index: 2 });
  expect(store.active.value.scan.value).toBeNull();
  store.pick({ contrast_index: null });
  expect(store.active.value.scan.value).not.toBeNull();
});

test("what cannot be scanned is said, and not asked", async () => {
  const { model, store } = await open();
  expect(store.facts.whyNoScan(CHOICE)).toBeNull();
  expect(store.facts.whyNoScan({ ...CHOICE, method: "gradients" })).toContain("same at every depth");
  store.pickMethod("gradients");
  model.answer(model.explains[0], 2);
  store.dive();
  expect(scans(model)).toEqual([]);
  const [first] = SETUP.models;
  const large = { ...first, scan: { offered: false, reason: "Needs 3 GB.", layers: ["a", "b", "c"] } };
  const other = await open({ _setup: { ...SETUP, models: [large] } });
  expect(other.store.facts.whyNoScan(CHOICE)).toBe("Needs 3 GB.");
  expect(other.store.facts.depth(CHOICE)).toEqual(["a", "b", "c"]);
});

test("a scan that failed is not tried again for the same choice", async () => {
  const { model, store } = await open();
  store.dive();
  model.say({ kind: "error", id: scans(model)[0].id, message: "out of memory", hint: null, choice: null });
  expect(store.main.trouble.value?.message).toBe("out of memory");
  store.dive();
  expect(scans(model)).toHaveLength(1);
  expect(store.busy.value).toBe(false);
});

test("panes that follow the layer are scanned too", async () => {
  const { model, store } = await open();
  store.addPane({ class_index: 2 });
  model.answer(model.explains[0], 2);
  store.activate(store.main);
  store.dive();
  for (const asked of scans(model)) model.say(...scanFor(asked, 3));
  const sent = model.sent.length;
  store.pick({ layer: "b" }, true);
  expect(model.sent).toHaveLength(sent);
  expect(store.panes.value.map(({ picture }) => picture.value?.result?.choice.layer)).toEqual(["b", "b"]);
});
