import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { nearest, PathState } from "../../../src/panels/path/path.ts";
import messages from "../../fixtures/messages.json";
import { CHOICE, openStore, PNG, resultFor, SETUP } from "../../model.ts";

const numbers = (...values: number[]) => new DataView(Float32Array.from(values).buffer);
const METHODS = SETUP.methods.map((method) => ({ ...method, way: method.name === "gradients" }));
const ALONG = { ...CHOICE, method: "gradients" };

/** What the kernel says of a way. */
function wayOf(id: string, about: object = {}, pictures = [PNG, PNG, PNG]) {
  const content = { kind: "path", id, pane: 0, choice: ALONG, generation: 0 };
  return [{ ...content, ...about }, [numbers(0, 0.5, 1), numbers(-1, 2, 3), ...pictures]] as const;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function open(method = "gradients") {
  const { model, store } = openStore({ _setup: { ...SETUP, methods: METHODS }, method });
  model.say(...resultFor({ ...CHOICE, method }, 1));
  model.sendImages(0);
  await vi.advanceTimersByTimeAsync(0);
  model.sent.length = 0;
  const state = new PathState(store);
  return { model, store, path: state.active.value };
}

test("the way to the image of the map that is shown is asked once, with the fields that Python reads", async () => {
  const { model, path } = await open();
  path.want();
  path.want();
  expect(model.sent).toEqual([{ kind: "path", id: expect.any(String), pane: 0, choice: ALONG }]);
  expect(Object.keys(model.sent[0]).sort()).toEqual(Object.keys(messages.page.path).sort());
  model.say(...(wayOf(model.sent[0].id) as never as [object]));
  expect([...(path.shown.value?.scores ?? [])]).toEqual([-1, 2, 3]);
  expect(path.shown.value?.pictures).toHaveLength(3);
  path.want();
  expect(model.sent).toHaveLength(1);
});

test("a method that goes no way is not asked for one", async () => {
  const { model, path } = await open("gradcam");
  path.want();
  expect(path.result.value).toBeNull();
  expect(model.sent).toEqual([]);
});

test("scores are shown as they come, and go with another map", async () => {
  const { model, store, path } = await open();
  path.want();
  const { id } = model.sent[0];
  const [content, buffers] = wayOf(id, { kind: "progress", done: 1, total: 3, text: "1 of 3" }, []);
  model.say(content, [buffers[0], numbers(-1, Number.NaN, Number.NaN)]);
  expect(path.shown.value?.scores[0]).toBe(-1);
  model.say(...(wayOf(id) as never as [object]));
  store.pick({ class_index: 1 });
  model.answer(model.explains.at(-1), 2);
  await vi.advanceTimersByTimeAsync(0);
  expect(path.shown.value).toBeNull();
});

test("an error is shown in the panel, and asked again only for another map", async () => {
  const { model, store, path } = await open();
  path.want();
  const { id } = model.sent[0];
  model.say({ kind: "error", id, pane: 0, choice: ALONG, message: "no way", hint: null });
  expect(path.problem.value?.message).toBe("no way");
  expect(store.main.problem.value).toBeNull();
  path.want();
  expect(model.sent).toHaveLength(1);
});

test("what Python wrote is read", () => {
  const { content, buffers } = messages.kernel.path;
  expect(content).toMatchObject({ kind: "path", generation: 2 });
  const [shares, scores] = buffers.slice(0, 2).map((bytes) => new Float32Array(Uint8Array.from(bytes).buffer));
  expect([shares[0], shares[24]]).toEqual([0, 1]);
  expect([scores[0], scores[24]]).toEqual([0, 2]);
  expect(buffers).toHaveLength(27);
});

test("the nearest point of a way is shown", () => {
  const way = { shares: Float32Array.of(0, 0.5, 1), scores: Float32Array.of(0, 0, 0), pictures: [] };
  expect([0, 0.2, 0.3, 0.8, 1].map((share) => nearest(way, share))).toEqual([0, 0, 1, 2, 2]);
});
