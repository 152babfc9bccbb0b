import { expect, test } from "vitest";
import { allLayersFor, CHOICE, type FakeModel, openStore, resultFor, SETUP } from "../model.ts";

async function open(state: Record<string, unknown> = {}) {
  const { model, store } = openStore(state);
  model.say(...resultFor(CHOICE, 1));
  model.sendImages(0, 1);
  await new Promise((resolve) => setTimeout(resolve));
  return { model, store };
}

const scans = (model: FakeModel) => model.sent.filter(({ kind }) => kind === "all_layers");

test("all layers are requested once; then moving through depth shows their maps and sends nothing", async () => {
  const { model, store } = await open();
  store.fetchAllLayers();
  store.fetchAllLayers();
  expect(scans(model)).toEqual([{ kind: "all_layers", id: expect.any(String), pane: 0, choice: CHOICE }]);
  model.say(...allLayersFor(scans(model)[0], 2));
  const sent = model.sent.length;
  for (const layer of ["b", "c", "a", "c"]) store.pick({ layer }, true);
  expect(model.sent).toHaveLength(sent);
  expect(store.busy.value).toBe(false);
  expect(store.picture.value?.result).toMatchObject({ choice: { layer: "c" }, map: { height: 2 } });
  expect([...(store.picture.value?.result?.values ?? [])]).toEqual([3, 1, 1, 1]);
  expect([...(store.picture.value?.result?.scores ?? [])]).toHaveLength(3);
  store.fetchAllLayers();
  expect(model.sent).toHaveLength(sent);
});

test("until all layers arrive Depth requests each layer", async () => {
  const { model, store } = await open();
  store.fetchAllLayers();
  store.pick({ layer: "b" }, true);
  expect(model.explains).toMatchObject([{ choice: { layer: "b" } }]);
});

test("an answer to an older request does not replace a map of all layers", async () => {
  const { model, store } = await open();
  store.fetchAllLayers();
  store.pick({ layer: "b" }, true);
  model.say(...allLayersFor(scans(model)[0], 2));
  store.pick({ layer: "c" }, true);
  model.answer(model.explains[0], 9);
  expect(store.picture.value?.result?.choice.layer).toBe("c");
  expect(store.busy.value).toBe(false);
});

test("all layers of another class are requested after its map, if Depth was used last", async () => {
  const { model, store } = await open();
  store.fetchAllLayers();
  model.say(...allLayersFor(scans(model)[0], 2));
  store.pick({ class_index: 1 });
  expect(store.active.value.allLayers.value).toBeNull();
  expect(scans(model)).toHaveLength(1);
  model.answer(model.explains[0], 3);
  expect(scans(model)[1]).toMatchObject({ choice: { class_index: 1 } });
  model.say(...allLayersFor(scans(model)[1], 4));
  store.pick({ layer: "b" });
  model.answer(model.explains[1], 5);
  store.pick({ class_index: 2 });
  model.answer(model.explains[2], 6);
  expect(scans(model)).toHaveLength(2);
});

test("all layers belong to their choice: back there they are used again", async () => {
  const { model, store } = await open();
  store.fetchAllLayers();
  model.say(...allLayersFor(scans(model)[0], 2));
  store.pick({ layer: "c" });
  model.answer(model.explains[0], 3);
  expect(store.active.value.allLayers.value?.has("c")).toBe(true);
  store.pick({ contrast_index: 2 });
  expect(store.active.value.allLayers.value).toBeNull();
  store.pick({ contrast_index: null });
  expect(store.active.value.allLayers.value).not.toBeNull();
});

test("where all layers are not offered the reason is shown, and nothing is sent", async () => {
  const { model, store } = await open();
  expect(store.catalog.whyNotAllLayers(CHOICE)).toBeNull();
  expect(store.catalog.whyNotAllLayers({ ...CHOICE, method: "gradients" })).toContain("same at every layer");
  store.pickMethod("gradients");
  model.answer(model.explains[0], 2);
  store.fetchAllLayers();
  expect(scans(model)).toEqual([]);
  const [first] = SETUP.models;
  const large = { ...first, all_layers: { offered: false, reason: "Needs 3 GB.", layers: ["a", "b", "c"] } };
  const other = await open({ _setup: { ...SETUP, models: [large] } });
  expect(other.store.catalog.whyNotAllLayers(CHOICE)).toBe("Needs 3 GB.");
  expect(other.store.catalog.depth(CHOICE)).toEqual(["a", "b", "c"]);
});

test("all layers that failed are not requested again for the same choice", async () => {
  const { model, store } = await open();
  store.fetchAllLayers();
  model.say({ kind: "error", id: scans(model)[0].id, message: "out of memory", hint: null, choice: null });
  expect(store.main.problem.value?.message).toBe("out of memory");
  store.fetchAllLayers();
  expect(scans(model)).toHaveLength(1);
  expect(store.busy.value).toBe(false);
});

test("all layers of panes that follow the layer are requested too", async () => {
  const { model, store } = await open();
  store.addPane({ class_index: 2 });
  model.answer(model.explains[0], 2);
  store.activate(store.main);
  store.fetchAllLayers();
  for (const asked of scans(model)) model.say(...allLayersFor(asked, 3));
  const sent = model.sent.length;
  store.pick({ layer: "b" }, true);
  expect(model.sent).toHaveLength(sent);
  expect(store.panes.value.map(({ picture }) => picture.value?.result?.choice.layer)).toEqual(["b", "b"]);
});
