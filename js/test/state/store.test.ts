import { expect, test, vi } from "vitest";
import { ViewState } from "../../src/state/viewState.ts";
import { CHOICE, type FakeModel, node, openStore, PNG, resultFor, SETUP } from "../model.ts";

async function sendImage(model: FakeModel, index: number) {
  model.sendImages(index);
  await new Promise((resolve) => setTimeout(resolve));
}

test("an opened view says hello, asks for its image, and awaits the first result", () => {
  const { model, store } = openStore();
  expect(model.sent).toMatchObject([{ kind: "hello" }, { kind: "images", indices: [0], size: 0 }]);
  expect(store.busy.value).toBe(true);
  expect(store.picture.value).toBeNull();
});

test("a kept result is shown without a question", async () => {
  const [content, [map, scores]] = resultFor(CHOICE, 4);
  const { model, store } = openStore({ _snapshot: { content, map, scores, image: PNG, size: [4, 4] } });
  await new Promise((resolve) => setTimeout(resolve));
  expect(store.picture.value).toMatchObject({ index: 0, result: { serial: 4 } });
  expect([...(store.picture.value?.result?.values ?? [])]).toEqual([0, 2]);
  expect(store.busy.value).toBe(false);
  expect(model.explains).toEqual([]);
});

test("another image is shown without a map until its own comes, and the old picture until it is here", async () => {
  const { model, store } = openStore();
  model.say(...resultFor(CHOICE, 1));
  await sendImage(model, 0);
  store.pick({ image_index: 3 });
  expect(store.picture.value).toMatchObject({ index: 0, result: { serial: 1 } });
  await sendImage(model, 3);
  expect(store.picture.value).toMatchObject({ index: 3, result: null });
  model.answer(model.explains[0], 2);
  expect(store.picture.value).toMatchObject({ index: 3, result: { serial: 2 } });
});

test("a map that comes before its image waits for it", async () => {
  const { model, store } = openStore();
  model.say(...resultFor(CHOICE, 1));
  await sendImage(model, 0);
  store.pick({ image_index: 3 });
  model.answer(model.explains[0], 2);
  expect(store.picture.value).toMatchObject({ index: 0, result: { serial: 1 } });
  await sendImage(model, 3);
  expect(store.picture.value).toMatchObject({ index: 3, result: { serial: 2 } });
});

test("back at an image that was seen, its map stays until the new one comes, another's never shows", async () => {
  const { model, store } = openStore();
  model.say(...resultFor(CHOICE, 1));
  await sendImage(model, 0);
  store.pick({ image_index: 3 });
  store.pick({ image_index: 0 });
  model.answer(model.explains[0], 2);
  expect(store.picture.value).toMatchObject({ index: 0, result: { choice: { image_index: 0 } } });
});

test("what does not change the map asks for nothing", async () => {
  const { model, store } = openStore();
  model.say(...resultFor(CHOICE, 1));
  store.pick({ layer: "a" });
  store.pick({ params: { power: 1 } });
  expect(model.explains).toEqual([]);
  store.pickMethod("gradients");
  expect(model.explains).toHaveLength(1);
  model.answer(model.explains[0], 2);
  store.pick({ layer: "b" });
  expect(model.explains).toHaveLength(1);
});

test("another method leaves the parameters be, and takes the colormap of its kind", () => {
  vi.useFakeTimers();
  const { model, store } = openStore({ params: { power: 3 } });
  store.pickMethod("gradients");
  expect(store.choice.value).toMatchObject({ method: "gradients", params: { power: 3 } });
  expect(store.colormap.value).toBe("RdBu_r");
  vi.advanceTimersByTime(1000);
  expect(model.state).toMatchObject({ method: "gradients", params: { power: 3 }, colormap: "RdBu_r" });
  store.pickColormap("gray");
  store.pickMethod("gradcam");
  expect(store.colormap.value).toBe("inferno");
  store.pickMethod("gradients");
  expect(store.colormap.value).toBe("gray");
  vi.useRealTimers();
});

test("a contrast that Python sets takes the diverging colormap, and without it the other comes back", async () => {
  vi.useFakeTimers();
  const { store, model } = openStore();
  await model.python({ contrast_index: 1 });
  model.say(...resultFor({ ...CHOICE, contrast_index: 1 }, 1));
  expect(store.colormap.value).toBe("RdBu_r");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(store.colormap.value).toBe("RdBu_r");
  expect(model.state.colormap).toBe("RdBu_r");
  await model.python({ contrast_index: null });
  expect(store.colormap.value).toBe("inferno");
  vi.useRealTimers();
});

test("the shown map keeps its own colormap while another method is pending", () => {
  const { store } = openStore();
  store.pickMethod("gradients");
  expect(store.colormapOf(CHOICE)).toBe("inferno");
});

test("classes are ranked by the newest scores", () => {
  const { model, store } = openStore();
  expect(store.ranking.value).toEqual([0, 1, 2]);
  model.say(...resultFor(CHOICE, 1));
  expect(store.ranking.value).toEqual([1, 2, 0]);
});

test("a notice can be dismissed", () => {
  const { store } = openStore({ _setup: { ...SETUP, notices: ["one", "two"] } });
  store.dismissNotice("one");
  expect(store.notices.value).toEqual(["two"]);
});

test("a view opens the way to the chosen layer, and to one that Python chooses", () => {
  const inner = Array.from({ length: 100 }, (_, i) => node(`m/${i}`, i < 50 ? 0 : 1));
  const nodes = [node("m"), node("n"), ...inner];
  const { store } = openStore({ _setup: { ...SETUP, models: [{ ...SETUP.models[0], nodes }] }, layer: "m/3" });
  const view = new ViewState(store).tree(0);
  const shown = () => view.layers[view.active.value].path;
  expect([...view.folded.value].map((index) => view.layers[index].path)).toEqual(["n"]);
  expect(shown()).toBe("m/3");
  view.reveal("m/60");
  expect(view.folded.value).toEqual(new Set());
  view.reveal("unknown");
  expect(shown()).toBe("m/60");
});
