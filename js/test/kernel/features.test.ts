import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FeatureListener } from "../../src/kernel/feature.ts";
import { RETRY_AFTER } from "../../src/kernel/retry.ts";
import type { Problem } from "../../src/messages.ts";
import { CHOICE, openStore, PNG, resultFor } from "../model.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const PROBLEM = { message: "no", hint: null, details: null };

/** A listener that notes what it hears. */
function noting() {
  const heard: unknown[][] = [];
  const listener: FeatureListener<Record<string, unknown>> = {
    answered: (content, buffers) => heard.push(["answered", content, buffers]),
    failed: (problem, request) => heard.push(["failed", problem, request]),
    progress: (content) => heard.push(["progress", content.done]),
    waiting: (waiting) => heard.push(["waiting", waiting]),
  };
  return { heard, listener };
}

/** A page without anything under way. */
function open() {
  const { model, store, end } = openStore();
  model.say(...resultFor(CHOICE, 1));
  const [{ id }] = model.sent.filter(({ kind }) => kind === "images");
  model.say({ kind: "images", id, indices: [0], size: 0, sizes: [[4, 4]] }, [PNG]);
  model.sent.length = 0;
  return { model, store, end, ...noting() };
}

test("a request that is all answered carries its fields, and its answer comes by the feature's name", () => {
  const { model, store, heard, listener } = open();
  const ask = store.client.features.serve("gain", listener);
  ask({ share: 0.5 });
  ask({ share: 0.7 });
  expect(model.sent).toEqual([
    { kind: "gain", id: expect.any(String), share: 0.5 },
    { kind: "gain", id: expect.any(String), share: 0.7 },
  ]);
  const [{ id }] = model.sent;
  model.say({ kind: "gain", id, score: 3 }, [new DataView(new ArrayBuffer(1))]);
  expect(heard).toMatchObject([["answered", { id, score: 3 }, [expect.any(DataView)]]]);
  model.say({ kind: "other", id: "x" });
  expect(heard).toHaveLength(1);
});

test("it is asked again until it is answered, while the kernel says nothing of it", () => {
  const { model, store, heard, listener } = open();
  store.client.features.serve("gain", listener)({});
  const [{ id }] = model.sent;
  vi.advanceTimersByTime(RETRY_AFTER - 1);
  model.say({ kind: "progress", id, done: 1, total: 2, text: "" });
  expect(heard).toEqual([["progress", 1]]);
  vi.advanceTimersByTime(RETRY_AFTER - 1);
  expect(model.sent).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(model.sent).toHaveLength(2);
  model.say({ kind: "error", id: model.sent[1].id, pane: null, ...PROBLEM });
  expect(heard[1]).toEqual(["failed", PROBLEM, {}]);
  vi.advanceTimersByTime(10 * RETRY_AFTER);
  expect(model.sent).toHaveLength(2);
  expect(store.main.problem.value).toBeNull();
});

test("what Python asks goes by the feature's name: progress, answer, error", () => {
  const { model, store, heard, listener } = open();
  store.client.features.serve("training", listener);
  model.say({ kind: "progress", id: "training", done: 3, total: 9, text: "" });
  model.say({ kind: "training", id: "training" });
  model.say({ kind: "error", id: "training", pane: null, ...PROBLEM });
  expect(heard.map(([what]) => what)).toEqual(["progress", "answered", "failed"]);
});

test("of a pane's requests one is in flight, and of those that come meanwhile the newest goes out", () => {
  const { model, store, heard, listener } = open();
  const queue = store.client.open(store.main.queues, "gain", listener);
  for (const share of [1, 2, 3]) queue.ask({ share, choice: { ...CHOICE, layer: "b" } });
  expect(model.sent).toMatchObject([{ kind: "gain", pane: 0, share: 1, choice: { layer: "b" } }]);
  model.say({ kind: "gain", id: model.sent[0].id, pane: 0 });
  expect(model.sent[1]).toMatchObject({ kind: "gain", pane: 0, share: 3 });
  model.say({ kind: "superseded", id: model.sent[1].id });
  expect(heard.filter(([what]) => what === "waiting").at(-1)).toEqual(["waiting", "idle"]);
});

test("each pane has a queue of its own, and what it asked comes back to it alone", () => {
  const { model, store, heard, listener } = open();
  store.addPane();
  const other = noting();
  store.client.open(store.panes.value[0].queues, "gain", listener).ask({});
  store.client.open(store.panes.value[1].queues, "gain", other.listener).ask({});
  const [first, second] = model.sent.filter(({ kind }) => kind === "gain");
  expect([first.pane, second.pane]).toEqual([0, 1]);
  model.say({ kind: "progress", id: second.id, pane: 1, done: 1, total: 2, text: "" });
  model.say({ kind: "error", id: second.id, pane: 1, ...PROBLEM } as Problem & { id: string });
  const told = (all: unknown[][]) => all.map(([what]) => what).filter((what) => what !== "waiting");
  expect(told(other.heard)).toEqual(["progress", "failed"]);
  expect(told(heard)).toEqual([]);
  expect(store.panes.value.map(({ problem }) => problem.value)).toEqual([null, null]);
  store.closePane(store.panes.value[1]);
  expect(model.sent.filter(({ kind }) => kind === "cancel")).toEqual([]);
});

test("an answer of newer weights than the page knows renews what depends on them", () => {
  const { model, store, listener } = open();
  store.client.open(store.main.queues, "gain", listener).ask({ choice: CHOICE });
  model.say({ kind: "gain", id: model.sent[0].id, pane: 0, choice: CHOICE, generation: 1 });
  expect(model.explains).toHaveLength(1);
});

test("at the end no request is made, nor made again", () => {
  const { model, store, end, listener } = open();
  const ask = store.client.features.serve("gain", listener);
  const queue = store.client.open(store.main.queues, "work", listener);
  ask({});
  queue.ask({});
  end.abort();
  const sent = model.sent.length;
  ask({});
  vi.advanceTimersByTime(10 * RETRY_AFTER);
  expect(model.sent).toHaveLength(sent);
  expect(vi.getTimerCount()).toBe(0);
});
