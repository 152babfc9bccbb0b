import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DRAG_DELAY, SAVE_DELAY, SAVE_RECEIVED, TraitSync } from "../../src/kernel/traitSync.ts";
import type { Traits } from "../../src/messages.ts";
import { FakeModel } from "../model.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function open(state: Record<string, unknown> = {}) {
  const model = new FakeModel(state);
  const chosen: Partial<Traits>[] = [];
  const page = { idle: true, lost: vi.fn(), own: { ...model.state } as unknown as Traits };
  const sync = new TraitSync(model, {
    traits: () => page.own,
    chosen: (changed) => {
      chosen.push(changed);
      Object.assign(page.own, changed);
    },
    idle: () => page.idle,
    lost: page.lost,
  });
  return { model, sync, chosen, page };
}

test("traits that the kernel lacks are left alone", () => {
  const { sync, model } = open({ panes: undefined });
  expect(sync.keys).not.toContain("panes");
  expect(sync.keys).toContain("layer");
  expect(Object.keys(sync.traits())).not.toContain("panes");
  sync.save({ panes: [], layer: "b" });
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(model.saves).toEqual([{ layer: "b" }]);
});

test("choices are saved together once they rest, and later while dragging", () => {
  const { sync, model } = open();
  sync.save({ opacity: 0.1 });
  sync.save({ layer: "b" });
  sync.save({ opacity: 0.2 }, true);
  vi.advanceTimersByTime(DRAG_DELAY - 1);
  expect(model.saves).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(model.saves).toEqual([{ opacity: 0.2, layer: "b" }]);
});

test("what Python sets is adopted in one piece; what the page has already is not", async () => {
  const { model, chosen } = open();
  await model.python({ layer: "c", opacity: 0.3, class_index: 0 });
  expect(chosen).toEqual([{ layer: "c", opacity: 0.3 }]);
});

test("an echo of a choice under way changes nothing, until page and Python settle", async () => {
  const { model, sync, chosen, page } = open();
  page.idle = false;
  sync.remember({ layer: "b" });
  page.own.layer = "c";
  await model.python({ layer: "b" });
  expect(chosen).toEqual([]);
  page.idle = true;
  sync.settle();
  expect(chosen).toEqual([{ layer: "b" }]);
});

test("a state from Python is taken, unless something is under way or was saved just now", async () => {
  const { sync, chosen, page } = open();
  page.idle = false;
  expect(sync.correct({ layer: "c" })).toBe(false);
  page.idle = true;
  sync.save({ opacity: 0.2 });
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(sync.correct({ layer: "c" })).toBe(false);
  vi.advanceTimersByTime(SAVE_RECEIVED);
  expect(sync.correct({ layer: "c" })).toBe(true);
  await Promise.resolve();
  expect(chosen.at(-1)).toEqual({ layer: "c" });
});

test("a save that fails means that the kernel is gone; after `stop` none is tried", () => {
  const { model, sync, page } = open();
  model.save_changes = () => {
    throw new Error("Cannot send");
  };
  sync.save({ layer: "b" });
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(page.lost).toHaveBeenCalledOnce();
  sync.stop();
  sync.save({ layer: "c" });
  vi.advanceTimersByTime(SAVE_DELAY);
  expect(page.lost).toHaveBeenCalledOnce();
});

test("after the end it listens to nothing", () => {
  const { model, sync } = open();
  expect(model.listening).toBe(sync.keys.length);
  sync.end();
  expect(model.listening).toBe(0);
});
