import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CHECK_AFTER } from "../../src/kernel/retry.ts";
import { SAVE_DELAY } from "../../src/kernel/traitSync.ts";
import { MOST_PANES } from "../../src/state/panes.ts";
import type { Store } from "../../src/state/store.ts";
import { CHOICE, node, openStore, resultFor, SETUP } from "../model.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A page that shows the first result, and has nothing under way. */
async function open(state: Record<string, unknown> = {}) {
  const { model, store } = openStore(state);
  model.say(...resultFor(CHOICE, 1));
  model.sendImages(0, 1, 2);
  await vi.advanceTimersByTimeAsync(0);
  return { model, store };
}

const shown = (store: Store) => store.panes.value.map(({ picture }) => picture.value?.result?.choice);

test("a new pane shows what the active one shows, without a question, and is the active one", async () => {
  const { model, store } = await open();
  store.addPane();
  expect(shown(store)).toEqual([CHOICE, CHOICE]);
  expect(store.active.value).toBe(store.panes.value[1]);
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(model.explains).toEqual([]);
  expect(model.state.panes).toEqual([{}]);
});

test("a pick in another pane asks under its number, and is kept as what differs", async () => {
  const { model, store } = await open();
  store.addPane();
  store.pick({ layer: "b" });
  expect(model.explains).toMatchObject([{ pane: 1, choice: { layer: "b", class_index: 0 } }]);
  model.answer(model.explains[0], 2);
  expect(shown(store)).toMatchObject([{ layer: "a" }, { layer: "b" }]);
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(model.state).toMatchObject({ layer: "a", panes: [{ layer: "b" }] });
});

test("what a pane does not override follows the main pane, each with a question of its own", async () => {
  const { model, store } = await open();
  store.addPane({ layer: "b" });
  model.answer(model.explains[0], 2);
  store.activate(store.main);
  store.pick({ class_index: 2 });
  expect(model.explains.slice(1)).toMatchObject([
    { pane: 0, choice: { layer: "a", class_index: 2 } },
    { pane: 1, choice: { layer: "b", class_index: 2 } },
  ]);
  store.pick({ layer: "c" });
  expect(model.explains).toHaveLength(3);
  model.answer(model.explains[1], 3);
  expect(model.explains.slice(3)).toMatchObject([{ pane: 0, choice: { layer: "c", class_index: 2 } }]);
  model.answer(model.explains[3], 4);
  model.answer(model.explains[2], 5);
  expect(shown(store)).toMatchObject([
    { layer: "c", class_index: 2 },
    { layer: "b", class_index: 2 },
  ]);
  expect(store.busy.value).toBe(false);
});

test("a pick made before the first map came is in flight once in each pane", async () => {
  const { model, store } = await open();
  store.addPane({ layer: "b" });
  for (const layer of ["c", "a", "c"]) store.pick({ layer });
  expect(model.explains).toHaveLength(1);
  model.answer(model.explains[0], 2);
  expect(model.explains[1]).toMatchObject({ pane: 1, choice: { layer: "c" } });
});

test("there are four panes at most", async () => {
  const { store } = await open();
  for (let i = 0; i < 6; i++) store.addPane();
  expect(store.panes.value).toHaveLength(MOST_PANES);
  expect(store.refusal.value).toContain("Close one first");
  store.closePane(store.panes.value[3]);
  expect(store.refusal.value).toBe("");
});

test("a closed pane's answer is nobody's, and those behind it take its number", async () => {
  const { model, store } = await open();
  store.addPane({ layer: "b" });
  store.addPane({ layer: "c" });
  const [second, third] = model.explains;
  store.closePane(store.panes.value[1]);
  expect(store.active.value.choice.value.layer).toBe("c");
  model.answer(second, 2);
  expect(shown(store)).toMatchObject([{ layer: "a" }, { layer: "a" }]);
  model.say({ kind: "superseded", id: third.id });
  expect(model.explains[2]).toMatchObject({ pane: 1, choice: { layer: "c" } });
  model.answer(model.explains[2], 3);
  expect(shown(store)).toMatchObject([{ layer: "a" }, { layer: "c" }]);
  expect(store.busy.value).toBe(false);
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(model.state.panes).toEqual([{ layer: "c" }]);
});

test("a Cancel, and a pane that closes, stop what that pane asked and nothing else", async () => {
  const { model, store } = await open();
  store.addPane({ layer: "b" });
  store.addPane({ layer: "c" });
  const [second, third] = model.explains;
  const cancelled = () => model.sent.filter(({ kind }) => kind === "cancel").map(({ id, pane }) => [id, pane]);
  store.panes.value[2].cancel();
  expect(cancelled()).toEqual([[third.id, 2]]);
  store.closePane(store.panes.value[1]);
  expect(cancelled()).toEqual([
    [third.id, 2],
    [second.id, 1],
  ]);
});

test("predictions are of the active pane's model", async () => {
  const models = [...SETUP.models, { ...SETUP.models[0], name: "other" }];
  const { model, store } = await open({ _setup: { ...SETUP, models } });
  store.addPane({ model_index: 1 });
  const [{ id }] = model.explains;
  model.say(...resultFor(model.explains[0].choice, 2, id));
  store.predictions.value.want([4]);
  await vi.advanceTimersByTimeAsync(0);
  expect(model.sent.at(-1)).toMatchObject({ kind: "predictions", indices: [4], model_index: 1 });
  const answer = { kind: "predictions", id: model.sent.at(-1).id, model_index: 1, generation: 0, indices: [4] };
  model.say({ ...answer, top: [2], score: [0.5], correct: [true] });
  expect(store.predictions.value.at(4)?.top).toBe(2);
  store.activate(store.main);
  expect(store.predictions.value.at(4)).toBeUndefined();
});

test("the main pane cannot be closed", async () => {
  const { store } = await open();
  store.closePane(store.main);
  expect(store.panes.value).toHaveLength(1);
});

test("panes that Python sets are opened, changed and closed, and their results awaited", async () => {
  const { model, store } = await open();
  await model.python({ panes: [{ layer: "b" }, { class_index: 1 }] });
  expect(store.panes.value.map(({ choice }) => choice.value.layer)).toEqual(["a", "b", "a"]);
  expect(store.busy.value).toBe(true);
  for (const [pane, changed] of [[1, { layer: "b" }] as const, [2, { class_index: 1 }] as const]) {
    const [content, buffers] = resultFor({ ...CHOICE, ...changed }, 1 + pane);
    model.say({ ...content, pane }, buffers);
  }
  expect(shown(store)).toMatchObject([{}, { layer: "b" }, { class_index: 1 }]);
  expect(store.busy.value).toBe(false);
  expect(model.explains).toEqual([]);
  await model.python({ panes: [] });
  expect(store.panes.value).toHaveLength(1);
});

test("an answer that overtakes the trait that it belongs to is not lost", async () => {
  const { model, store } = await open();
  const [content, buffers] = resultFor({ ...CHOICE, layer: "b" }, 2);
  model.say({ ...content, pane: 1 }, buffers);
  model.say({ kind: "error", id: null, pane: 2, message: "no", hint: null, choice: null });
  await model.python({ panes: [{ layer: "b" }, { layer: "c" }] });
  expect(shown(store).map((choice) => choice?.layer)).toEqual(["a", "b", undefined]);
  expect(store.panes.value[2].problem.value?.message).toBe("no");
  model.say(...resultFor({ ...CHOICE, class_index: 2 }, 3));
  await model.python({ class_index: 2, panes: [] });
  expect(store.busy.value).toBe(false);
});

test("Python's change of the main choice is awaited in the panes that follow it", async () => {
  const { model, store } = await open();
  store.addPane({ layer: "b" });
  model.answer(model.explains[0], 2);
  vi.advanceTimersByTime(SAVE_DELAY);
  await model.python({ class_index: 2 });
  const ask = vi.advanceTimersByTime(CHECK_AFTER);
  model.stand(false);
  expect(ask && model.explains.slice(1)).toMatchObject([
    { pane: 0, choice: { class_index: 2, layer: "a" } },
    { pane: 1, choice: { class_index: 2, layer: "b" } },
  ]);
});

test("panes that exist when the page opens are requested", async () => {
  const { model } = await open({ panes: [{ layer: "c" }] });
  expect(model.explains).toMatchObject([{ pane: 1, choice: { layer: "c" } }]);
});

test("a contrast asks for the difference on two hues; again, and it is the class alone", async () => {
  const { model, store } = await open();
  store.pickContrast(0);
  expect(model.explains).toEqual([]);
  store.pickContrast(2);
  expect(model.explains[0].choice).toEqual({ ...CHOICE, contrast_index: 2 });
  expect(store.colormap.value).toBe("RdBu_r");
  expect(store.catalog.classes(store.choice.value)).toBe("cat rather than bird");
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(model.state).toMatchObject({ contrast_index: 2, colormap: "RdBu_r" });
  model.answer(model.explains[0], 2);
  store.pickContrast(2);
  expect(store.choice.value.contrast_index).toBeNull();
  expect(store.colormap.value).toBe("inferno");
});

test("a class is not contrasted with itself", async () => {
  const { store } = await open();
  store.pickContrast(2);
  store.pickClass(1);
  expect(store.choice.value).toMatchObject({ class_index: 1, contrast_index: 2 });
  store.pickClass(2);
  expect(store.choice.value).toMatchObject({ class_index: 2, contrast_index: null });
});

test("another model takes the layer along if it has it, else its own default", async () => {
  const models = [
    ...SETUP.models,
    {
      name: "other",
      nodes: [node("a"), node("z")],
      edges_known: true,
      default_layer: "z",
      all_layers: { offered: false, reason: "Too large.", layers: ["a", "z"] },
    },
  ];
  const { model, store } = await open({ _setup: { ...SETUP, models } });
  store.addPane();
  store.pickModel(1);
  expect(model.explains[0]).toMatchObject({ pane: 1, choice: { model_index: 1, layer: "a" } });
  model.answer(model.explains[0], 2);
  store.activate(store.main);
  store.pick({ layer: "b" });
  expect(store.panes.value[1].choice.value).toMatchObject({ model_index: 1, layer: "z" });
  expect(store.catalog.whyNotAllLayers(store.panes.value[1].choice.value)).toBe("Too large.");
});

test("an error in one pane leaves the others be", async () => {
  const { model, store } = await open();
  store.addPane({ layer: "b" });
  model.say({ kind: "error", id: model.explains[0].id, message: "no", hint: null, choice: null });
  expect(store.panes.value.map(({ problem }) => problem.value?.message)).toEqual([undefined, "no"]);
  expect(store.busy.value).toBe(false);
  expect(shown(store)[0]).toEqual(CHOICE);
});

test("a map that converges is shown with how far it is; where its work was dropped, until the next map", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  const [{ id, choice }] = model.explains;
  const [{ map }, [values]] = resultFor(choice, 2);
  model.say({ kind: "progress", id, done: 3, total: 8, text: "3 of 8", map }, [values]);
  expect(store.picture.value?.result).toMatchObject({ preview: true, done: 3, total: 8, choice: { layer: "b" } });
  store.pick({ layer: "c" });
  model.say({ kind: "superseded", id });
  expect(store.picture.value?.result).toMatchObject({ preview: true, choice: { layer: "b" } });
  const [content, buffers] = resultFor({ ...CHOICE, layer: "c" }, 3, model.explains[1].id);
  model.say({ ...content, done: 5, total: 8 }, buffers);
  expect(store.picture.value?.result).toMatchObject({ done: 5, total: 8, choice: { layer: "c" } });
  expect(store.picture.value?.result?.preview).toBeUndefined();
});

test("a map that converged halfway goes when its work fails", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  const [{ id, choice }] = model.explains;
  const [{ map }, [values]] = resultFor(choice, 2);
  model.say({ kind: "progress", id, done: 3, total: 8, text: "3 of 8", map }, [values]);
  model.say({ kind: "error", id, message: "no", hint: null, choice });
  expect(store.picture.value?.result).toMatchObject({ choice: { layer: "a" } });
});
