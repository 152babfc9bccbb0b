import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { area, CurvesState, formatArea } from "../../../src/panels/curves/curves.ts";
import messages from "../../fixtures/messages.json";
import { CHOICE, openStore, resultFor } from "../../model.ts";

const numbers = (...values: number[]) => new DataView(Float32Array.from(values).buffer);

/** What the kernel says of curves of these scores. */
function curvesOf(id: string, about: object = {}) {
  const content = { kind: "curves", id, pane: 0, choice: CHOICE, generation: 0, map_done: 1, done: 6, total: 6 };
  return [{ ...content, ...about }, [numbers(0, 0.5, 1), numbers(1, 0.5, 0), numbers(0, 1, 1)]] as const;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function open() {
  const { model, store } = openStore();
  model.say(...resultFor(CHOICE, 1));
  model.sendImages(0);
  await vi.advanceTimersByTimeAsync(0);
  model.sent.length = 0;
  const state = new CurvesState(store);
  return { model, store, state, curves: state.active.value };
}

test("curves are requested for the map that is shown, with the fields that Python reads", async () => {
  const { model, store, curves } = await open();
  store.pick({ layer: "b" });
  model.sent.length = 0;
  curves.compute();
  expect(model.sent).toEqual([{ kind: "curves", id: expect.any(String), pane: 0, choice: CHOICE }]);
  expect(Object.keys(model.sent[0]).sort()).toEqual(Object.keys(messages.page.curves).sort());
});

test("they are shown as they come; the end ends the waiting", async () => {
  const { model, curves } = await open();
  curves.compute();
  const { id } = model.sent[0];
  expect(curves.waiting.value).toBe("asked");
  const [content, buffers] = curvesOf(id, { kind: "progress", done: 2, text: "2 of 6" });
  model.say(content, [...buffers.slice(0, 2), numbers(Number.NaN, Number.NaN, Number.NaN)]);
  expect(curves.progress.value).toEqual({ done: 2, total: 6, text: "2 of 6" });
  expect([...(curves.shown.value?.deletion ?? [])]).toEqual([1, 0.5, 0]);
  model.say(...(curvesOf(id) as never as [object]));
  expect(curves.progress.value).toBeNull();
  expect(curves.waiting.value).toBe("idle");
  expect([...(curves.shown.value?.insertion ?? [])]).toEqual([0, 1, 1]);
});

test("what Python wrote is read", () => {
  const { content, buffers } = messages.kernel["curves so far"];
  expect(content).toMatchObject({ kind: "progress", done: 2, total: 6, text: "2 of 6", map_done: 3, generation: 2 });
  const [shares, deletion, insertion] = buffers.map((bytes) => new Float32Array(Uint8Array.from(bytes).buffer));
  expect([...shares, ...deletion]).toEqual([0, 0.5, 1, 1, 0.5, 0.25]);
  expect(insertion.every(Number.isNaN)).toBe(true);
});

test("curves of another map are not shown, and are again when theirs is", async () => {
  const { model, store, curves } = await open();
  curves.compute();
  model.say(...(curvesOf(model.sent[0].id) as never as [object]));
  expect(curves.outdated.value).toBe(false);
  store.pick({ class_index: 1 });
  model.answer(model.explains[0], 2);
  expect(curves.shown.value).toBeNull();
  expect(curves.outdated.value).toBe(true);
  store.pick({ class_index: 0 });
  model.answer(model.explains[1], 3);
  expect(curves.shown.value).not.toBeNull();
});

test("curves of other weights, or of a map that was not complete, are of another map", async () => {
  const { model, curves } = await open();
  for (const about of [{ generation: 1 }, { map_done: 5 }]) {
    model.sent.length = 0;
    curves.compute();
    model.say(...(curvesOf(model.sent[0].id, about) as never as [object]));
    expect(curves.shown.value).toBeNull();
  }
});

test("an error is theirs, not the picture's, and goes with the next request", async () => {
  const { model, store, curves } = await open();
  curves.compute();
  model.say({ kind: "error", id: model.sent[0].id, pane: 0, message: "no", hint: null, details: null });
  expect(curves.problem.value?.message).toBe("no");
  expect(store.main.problem.value).toBeNull();
  expect(curves.waiting.value).toBe("idle");
  curves.compute();
  expect(curves.problem.value).toBeNull();
});

test("a Cancel names the request; each pane has curves of its own", async () => {
  const { model, store, state, curves } = await open();
  curves.compute();
  const [{ id }] = model.sent;
  curves.cancel();
  expect(model.sent[1]).toEqual({ kind: "cancel", id, pane: 0 });
  store.addPane();
  expect(state.active.value).not.toBe(curves);
  expect(state.active.value.waiting.value).toBe("idle");
  store.activate(store.main);
  expect(state.active.value).toBe(curves);
});

test("the area is that of the trapezoids; a curve that is not complete has none", () => {
  const shares = Float32Array.from([0, 0.25, 1]);
  expect(area(shares, Float32Array.from([1, 0.5, 0]))).toBeCloseTo(0.375, 6);
  expect(area(shares, Float32Array.from([1, Number.NaN, 0]))).toBeNaN();
  expect([0.21349, 0.00123, -0.5, 0, Number.NaN].map(formatArea)).toEqual(["0.213", "0.0012", "−0.500", "0", "…"]);
});
