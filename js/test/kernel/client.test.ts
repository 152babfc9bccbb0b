import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CHECK_AFTER, RETRY_AFTER } from "../../src/kernel/retry.ts";
import { SAVE_DELAY, SAVE_RECEIVED } from "../../src/kernel/traitSync.ts";
import { CurvesState } from "../../src/panels/curves/curves.ts";
import { RESTARTED, SAVED } from "../../src/state/noKernel.ts";
import messages from "../fixtures/messages.json";
import { allLayersFor, CHOICE, openStore, PNG, resultFor } from "../model.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A page that shows the first result, and has nothing under way. */
async function open(state: Record<string, unknown> = {}) {
  const { model, store, end } = openStore(state);
  model.say(...resultFor({ ...CHOICE, ...pickState(state) }, 1));
  const [{ id }] = model.sent.filter(({ kind }) => kind === "images");
  model.say({ kind: "images", id, indices: [0], size: 0, sizes: [[4, 4]] }, [PNG]);
  await vi.advanceTimersByTimeAsync(0);
  model.sent.length = 0;
  return { model, store, end };
}

function pickState(state: Record<string, unknown>) {
  return Object.fromEntries(Object.entries(state).filter(([key]) => key in CHOICE));
}

test("a pick asks at once, and saves its trait when it has rested", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  expect(model.explains).toEqual([
    { kind: "explain", id: expect.any(String), pane: 0, choice: { ...CHOICE, layer: "b" } },
  ]);
  expect(model.saves).toEqual([]);
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(model.saves).toEqual([{ layer: "b" }]);
});

test("a drag of the opacity over sixty steps saves once and asks for nothing", async () => {
  const { model, store } = await open();
  for (let i = 1; i <= 60; i++) {
    store.display.setOpacity(i / 60, true);
    vi.advanceTimersByTime(i % 20 ? 16 : 4 * SAVE_DELAY);
  }
  store.display.setOpacity(1);
  vi.advanceTimersByTime(10 * SAVE_DELAY);
  expect(model.saves).toEqual([{ opacity: 1 }]);
  expect(model.sent).toEqual([]);
});

test("every message has the fields that Python reads", async () => {
  const { model, store } = await open();
  store.open();
  store.pick({ layer: "b" });
  store.main.cancel();
  store.imageCache.want([1]);
  store.predictions.value.want([1]);
  new CurvesState(store).active.value.compute();
  store.costs.ask(CHOICE);
  store.client.open(store.main.queues, "path", { answered() {}, failed() {} }).ask({ choice: CHOICE });
  model.answer(model.explains[0], 2);
  store.fetchAllLayers();
  model.say(
    ...allLayersFor(
      model.sent.find(({ kind }) => kind === "all_layers"),
      3,
    ),
  );
  vi.advanceTimersByTime(SAVE_DELAY);
  model.say({ kind: "state", id: null, number: 1, serial: 2, traits: {} });
  store.pick({ layer: "c" });
  vi.advanceTimersByTime(CHECK_AFTER);
  await vi.advanceTimersByTimeAsync(0);
  const fields = (message: object) => Object.keys(message).sort();
  const written: Record<string, object> = messages.page;
  expect(new Set(model.sent.map(({ kind }) => kind))).toEqual(new Set(Object.keys(written)));
  for (const message of model.sent) expect(fields(message)).toEqual(fields(written[message.kind]));
  expect(fields(model.explains[0].choice)).toEqual(fields(messages.page.explain.choice));
});

test("three hundred quick picks end with page and kernel agreeing, and no question open", async () => {
  const { model, store } = await open();
  let serial = 1;
  let inFlight = 0;
  let most = 0;
  const send = model.send.bind(model);
  model.send = (message) => {
    send(message);
    if (message.kind !== "explain") return;
    inFlight += 1;
    most = Math.max(most, inFlight);
    setTimeout(() => {
      inFlight -= 1;
      model.answer(message, ++serial);
    }, 40);
  };
  for (let i = 0; i < 300; i++) {
    store.pick([{ layer: "abc"[i % 3] }, { class_index: i % 3 }, { params: { power: 1 + (i % 4) } }][i % 3]);
    vi.advanceTimersByTime(15);
  }
  await vi.advanceTimersByTimeAsync(1000);
  expect(most).toBe(1);
  expect(store.busy.value).toBe(false);
  expect(store.picture.value?.result?.choice).toEqual(store.choice.value);
  expect(model.state).toMatchObject(store.choice.value);
});

test("Python's choice is followed without a question", async () => {
  const { model, store } = await open();
  await model.python({ layer: "c", class_index: 2, opacity: 0.3 });
  expect(store.choice.value).toEqual({ ...CHOICE, layer: "c", class_index: 2 });
  expect(store.display.opacity.value).toBe(0.3);
  expect(store.busy.value).toBe(true);
  model.say(...resultFor({ ...CHOICE, layer: "c", class_index: 2 }, 2));
  expect(store.busy.value).toBe(false);
  vi.advanceTimersByTime(RETRY_AFTER);
  expect(model.explains).toEqual([]);
  expect(model.saves).toEqual([]);
});

test("Python's choice whose result got lost is requested", async () => {
  const { model } = await open();
  await model.python({ layer: "c" });
  vi.advanceTimersByTime(CHECK_AFTER);
  model.stand(false);
  expect(model.explains).toMatchObject([{ choice: { layer: "c" } }]);
});

test("an echo of an older pick does not undo a newer one", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  store.pick({ layer: "c" });
  await model.python({ layer: "b" });
  expect(store.choice.value.layer).toBe("c");
  model.answer(model.explains[0], 2);
  vi.advanceTimersByTime(SAVE_DELAY);
  model.answer(model.explains[1], 3);
  expect(model.state.layer).toBe("c");
  expect(store.choice.value.layer).toBe("c");
});

test("what Python holds in a quiet moment is taken over, even if it looked like an echo", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  vi.advanceTimersByTime(SAVE_DELAY);
  store.pick({ class_index: 1 });
  vi.advanceTimersByTime(SAVE_DELAY);
  model.state.layer = "c";
  model.answer(model.explains[0], 2);
  model.answer(model.explains[1], 3);
  expect(store.choice.value).toMatchObject({ layer: "c", class_index: 1 });
});

test("Python's choice wins over a pick of the same trait that was not saved yet", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  await model.python({ layer: "c" });
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(store.choice.value.layer).toBe("c");
  expect(model.state.layer).toBe("c");
});

test("a pick that waits goes out together with what Python chose meanwhile", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  store.pick({ layer: "c" });
  await model.python({ class_index: 2 });
  model.answer(model.explains[0], 2);
  expect(model.explains[1].choice).toEqual({ ...CHOICE, layer: "c", class_index: 2 });
  expect(store.choice.value).toEqual(model.explains[1].choice);
});

test("a result that is older than the one shown is dropped", async () => {
  const { model, store } = await open();
  model.say(...resultFor({ ...CHOICE, layer: "b" }, 5));
  model.say(...resultFor({ ...CHOICE, layer: "c" }, 4));
  expect(store.picture.value?.result?.choice.layer).toBe("b");
});

test("an error is shown with its hint, ends the waiting, and goes with the next pick", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  const [{ id, choice }] = model.explains;
  model.say({ kind: "error", id, message: "no", hint: "try another", choice });
  expect(store.main.problem.value).toEqual({ message: "no", hint: "try another" });
  expect(store.busy.value).toBe(false);
  store.pick({ layer: "a" });
  expect(store.main.problem.value).toBeNull();
  expect(model.explains).toHaveLength(1);
});

test("progress is shown while the work runs, and gone after it", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  const [{ id }] = model.explains;
  model.say({ kind: "progress", id, done: 3, total: 9, text: "3 of 9" });
  expect(store.main.working.value).toMatchObject({ done: 3, total: 9, text: "3 of 9" });
  store.main.cancel();
  expect(model.sent.at(-1)).toEqual({ kind: "cancel", id, pane: 0 });
  model.say({ kind: "superseded", id });
  expect(store.main.working.value).toBeNull();
  expect(store.busy.value).toBe(false);
});

test("a restarted kernel: said once, what was shown stays, nothing more is sent", async () => {
  const { model, store } = await open();
  const shown = store.picture.value;
  model.dead = true;
  store.pick({ layer: "b" });
  expect(store.ended.value).toBe(RESTARTED);
  expect(store.disconnected.value).toBe(true);
  expect(store.busy.value).toBe(false);
  expect(store.picture.value).toBe(shown);
  store.pick({ layer: "c" });
  expect(store.choice.value.layer).toBe("a");
  vi.advanceTimersByTime(10 * RETRY_AFTER);
  expect(model.saves).toEqual([]);
});

test("what ipywidgets says of a restart, and that a view has no kernel, end the asking", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  model.emit("comm_live_update");
  expect(store.ended.value).toBe(RESTARTED);
  expect(store.busy.value).toBe(false);
  expect(store.choice.value.layer).toBe("a");

  const saved = await open();
  saved.store.showSnapshot();
  saved.store.pick({ layer: "b" });
  expect(saved.store.ended.value).toBe(SAVED);
  expect(saved.model.sent).toEqual([]);
  expect(saved.store.picture.value).not.toBeNull();
});

test("what Python says it holds is taken over, and that it was seen is said", async () => {
  const { model, store } = await open();
  const traits = { ...CHOICE, layer: "c", opacity: 0.25 };
  model.say({ kind: "state", id: null, number: 4, serial: 1, traits });
  await vi.advanceTimersByTimeAsync(0);
  expect(model.sent).toEqual([{ kind: "ack", number: 4 }]);
  expect(store.choice.value.layer).toBe("c");
  expect(store.display.opacity.value).toBe(0.25);
});

test("a result that the page lacks is requested, and while a pick is under way nothing is adopted", async () => {
  const { model, store } = await open();
  model.say({ kind: "state", id: null, number: 5, serial: 7, traits: {} });
  expect(model.sent).toEqual([{ kind: "ack", number: 5 }, { kind: "hello" }]);
  store.pick({ layer: "b" });
  model.sent.length = 0;
  model.say({ kind: "state", id: null, number: 6, serial: 7, traits: { ...CHOICE, layer: "c" } });
  expect(model.sent).toEqual([]);
  expect(store.choice.value.layer).toBe("b");
});

test("what Python said before it heard of a save undoes none; said again later, it counts", async () => {
  const { model, store } = await open();
  store.display.setView("map");
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(model.state.view).toBe("map");
  model.sent.length = 0;
  const stale = { ...CHOICE, opacity: 0.6, view: "overlay" };
  model.say({ kind: "state", id: null, number: 7, serial: 1, traits: stale });
  await vi.advanceTimersByTimeAsync(0);
  expect(store.display.view.value).toBe("map");
  expect(model.sent).toEqual([]);
  vi.advanceTimersByTime(SAVE_RECEIVED);
  model.say({ kind: "state", id: null, number: 8, serial: 1, traits: { ...stale, view: "image" } });
  await vi.advanceTimersByTimeAsync(0);
  expect(store.display.view.value).toBe("image");
  expect(model.sent).toEqual([{ kind: "ack", number: 8 }]);
});

test("images that do not arrive are requested again, ever later, until they arrive or fail", async () => {
  const { model, store } = await open();
  store.imageCache.want([1, 2]);
  await vi.advanceTimersByTimeAsync(0);
  expect(model.sent).toEqual([{ kind: "images", id: expect.any(String), indices: [1, 2], size: 112 }]);
  vi.advanceTimersByTime(3 * RETRY_AFTER);
  expect(model.sent).toHaveLength(3);
  expect(new Set(model.sent.map(({ id }) => id)).size).toBe(3);
  model.say({ kind: "error", id: model.sent[2].id, message: "cannot read", hint: null, choice: null });
  vi.advanceTimersByTime(100 * RETRY_AFTER);
  expect(model.sent).toHaveLength(3);
  expect(store.main.problem.value).toBeNull();
});

test("an image that cannot be loaded is an error in the pane that shows it", async () => {
  const { model, store } = await open();
  store.addPane();
  store.pick({ image_index: 3 });
  const { id } = model.sent.find(({ kind, indices }) => kind === "images" && indices.includes(3));
  model.say({ kind: "error", id, pane: null, message: "cannot read", hint: null, choice: null });
  expect(store.panes.value.map(({ problem }) => problem.value?.message)).toEqual([undefined, "cannot read"]);
});

test("work that Python began is cancelled by its pane", async () => {
  const { model, store } = await open();
  await model.python({ layer: "c" });
  model.say({ kind: "progress", id: null, pane: 0, done: 1, total: 9, text: "1 of 9" });
  store.main.cancel();
  expect(model.sent).toEqual([{ kind: "cancel", id: null, pane: 0 }]);
});

test("after a training the maps of all layers are dropped, and what is shown is requested again", async () => {
  const { model, store } = await open();
  store.fetchAllLayers();
  model.say(...allLayersFor(model.sent[0], 2));
  expect(store.main.allLayers.value).not.toBeNull();
  store.pick({ layer: "c" }, true);
  model.sent.length = 0;
  model.say({ kind: "generations", id: null, generations: [1] });
  expect(store.main.allLayers.value).toBeNull();
  expect(model.explains).toMatchObject([{ choice: { layer: "c" } }]);
  // An answer that was on its way is of the older weights: asked once more.
  model.answer(model.explains[0], 3);
  expect(model.explains).toHaveLength(2);
  const [content, buffers] = resultFor(model.explains[1].choice, 4, model.explains[1].id);
  model.say({ ...content, generation: 1 }, buffers);
  expect(store.picture.value?.result).toMatchObject({ generation: 1, choice: { layer: "c" } });
  // Depth is in use: all layers of the new weights.
  const scan = model.sent.at(-1);
  expect(scan).toMatchObject({ kind: "all_layers" });
  const [maps, bytes] = allLayersFor(scan, 5);
  model.say({ ...maps, generation: 1 }, bytes);
  expect(store.main.allLayers.value?.content.generation).toBe(1);
  expect(store.busy.value).toBe(false);
});

test("the kept result is taken when its message was lost", async () => {
  const { model, store } = await open();
  store.pick({ layer: "b" });
  const [content, [map, scores]] = resultFor({ ...CHOICE, layer: "b" }, 2, model.explains[0].id);
  model.set("_snapshot", { content, map, scores, image: new DataView(new ArrayBuffer(1)), size: [4, 4] });
  expect(store.picture.value?.result?.choice.layer).toBe("b");
  expect(store.busy.value).toBe(false);
});

test("at its end the page listens to nothing and starts nothing", async () => {
  const { model, store, end } = await open();
  store.pick({ layer: "b" });
  end.abort();
  const sent = model.sent.length;
  vi.advanceTimersByTime(10 * RETRY_AFTER);
  expect(model.listening).toBe(0);
  expect(model.sent).toHaveLength(sent);
  expect(vi.getTimerCount()).toBe(0);
});
