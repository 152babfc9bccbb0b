import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Latest } from "../../src/kernel/latest.ts";
import { CHECK_AFTER, RETRY_AFTER, SLOW_AFTER } from "../../src/kernel/retry.ts";
import type { Choice, Waiting } from "../../src/messages.ts";
import { CHOICE } from "../model.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const layer = (name: string): Choice => ({ ...CHOICE, layer: name });

function open() {
  const asked: [string, string][] = [];
  const cancelled: (string | null)[] = [];
  const checks: (string | null)[] = [];
  const waiting: Waiting[] = [];
  let count = 0;
  const latest = new Latest<Choice>({
    ask: (id, choice) => asked.push([id, choice.layer]),
    cancel: (id) => cancelled.push(id),
    check: (id) => checks.push(id),
    changed: (now) => waiting.push(now),
    newId: () => `${++count}`,
  });
  return { latest, asked, cancelled, checks, waiting };
}

test("one question is in flight, and of those that come meanwhile only the newest goes out", () => {
  const { latest, asked } = open();
  for (const name of ["a", "b", "c"]) latest.ask(layer(name));
  expect(asked).toEqual([["1", "a"]]);
  latest.answered("1");
  expect(asked).toEqual([
    ["1", "a"],
    ["2", "c"],
  ]);
  latest.answered("2");
  expect(latest.idle).toBe(true);
});

test("superseded is an answer too", () => {
  const { latest, asked } = open();
  latest.ask(layer("a"));
  latest.ask(layer("b"));
  latest.superseded("1");
  expect(asked.at(-1)).toEqual(["2", "b"]);
});

test("what Python computes by itself does not answer the page's question, nor does an unknown id", () => {
  const { latest, asked } = open();
  latest.ask(layer("a"));
  latest.ask(layer("b"));
  latest.answered(null);
  latest.answered("other page's");
  latest.superseded("other page's");
  expect(asked).toHaveLength(1);
});

test("after a second without a word the kernel is slow, until it is heard of", () => {
  const { latest, waiting } = open();
  latest.ask(layer("a"));
  vi.advanceTimersByTime(SLOW_AFTER - 1);
  expect(waiting.at(-1)).toBe("asked");
  vi.advanceTimersByTime(1);
  expect(waiting.at(-1)).toBe("slow");
  latest.progressed();
  expect(waiting.at(-1)).toBe("asked");
  latest.answered("1");
  expect(waiting.at(-1)).toBe("idle");
  vi.advanceTimersByTime(10 * RETRY_AFTER);
  expect(waiting.at(-1)).toBe("idle");
});

test("a kernel that says nothing is asked ever less often whether it is at the question, and nothing else", () => {
  const { latest, asked, checks, waiting } = open();
  latest.ask(layer("a"));
  vi.advanceTimersByTime(CHECK_AFTER);
  expect(checks).toEqual(["1"]);
  vi.advanceTimersByTime(60_000);
  expect(checks.length).toBeGreaterThan(6);
  expect(checks.length).toBeLessThan(12);
  expect(asked).toHaveLength(1);
  expect(waiting.at(-1)).toBe("slow");
});

test("a kernel that is at the question is not busy, and is left alone for a while", () => {
  const { latest, asked, checks, waiting } = open();
  latest.ask(layer("a"));
  vi.advanceTimersByTime(SLOW_AFTER);
  latest.checked("1", true);
  expect(waiting.at(-1)).toBe("asked");
  vi.advanceTimersByTime(RETRY_AFTER - 1);
  expect(waiting.at(-1)).toBe("asked");
  expect(checks).toHaveLength(1);
  vi.advanceTimersByTime(SLOW_AFTER);
  expect(checks).toHaveLength(2);
  expect(waiting.at(-1)).toBe("slow");
  expect(asked).toHaveLength(1);
});

test("a pick does not wait for long work of a kernel that is alive: it supersedes it", () => {
  for (const alive of ["checked", "heard"]) {
    const { latest, asked } = open();
    latest.ask(layer("a"));
    if (alive === "heard") latest.progressed();
    else latest.checked("1", true);
    latest.ask(layer("b"));
    latest.ask(layer("c"));
    expect(asked).toEqual([
      ["1", "a"],
      ["2", "b"],
    ]);
    latest.superseded("1");
    latest.answered("2");
    expect(asked.at(-1)).toEqual(["3", "c"]);
  }
});

test("what was picked while the kernel was busy goes out with its first word, the newest alone", () => {
  const { latest, asked } = open();
  for (const name of ["a", "b", "c"]) {
    latest.ask(layer(name));
    vi.advanceTimersByTime(SLOW_AFTER);
  }
  expect(asked).toHaveLength(1);
  latest.checked("1", true);
  expect(asked.at(-1)).toEqual(["2", "c"]);
});

test("a lost request is sent again with a new id, and the answer to either will do", () => {
  const { latest, asked, waiting } = open();
  latest.ask(layer("a"));
  vi.advanceTimersByTime(CHECK_AFTER);
  latest.checked("other page's", false);
  expect(asked).toHaveLength(1);
  latest.checked("1", false);
  expect(asked).toEqual([
    ["1", "a"],
    ["2", "a"],
  ]);
  expect(waiting.at(-1)).toBe("asked");
  latest.superseded("1");
  expect(latest.idle).toBe(false);
  latest.answered("1");
  expect(latest.idle).toBe(true);
});

test("progress keeps a question from being asked again", () => {
  const { latest, asked } = open();
  latest.ask(layer("a"));
  for (let i = 0; i < 20; i++) {
    vi.advanceTimersByTime(RETRY_AFTER - 1);
    latest.progressed();
  }
  expect(asked).toHaveLength(1);
});

test("asked again, the newest choice goes out in place of the lost one", () => {
  const { latest, asked } = open();
  latest.ask(layer("a"));
  latest.ask(layer("b"));
  latest.checked("1", false);
  expect(asked.at(-1)).toEqual(["2", "b"]);
  latest.answered("2");
  expect(latest.idle).toBe(true);
});

test("what Python computes by itself is awaited, and requested only if it does not arrive", () => {
  const { latest, asked, waiting } = open();
  latest.expect(layer("a"));
  expect(waiting.at(-1)).toBe("asked");
  latest.answered(null);
  expect(latest.idle).toBe(true);
  latest.expect(layer("b"));
  latest.checked(null, true);
  expect(asked).toEqual([]);
  latest.checked(null, false);
  expect(asked).toEqual([["1", "b"]]);
});

test("a pick goes out at once while only Python's own work is awaited", () => {
  const { latest, asked } = open();
  latest.expect(layer("a"));
  latest.ask(layer("b"));
  expect(asked).toEqual([["1", "b"]]);
});

test("Python's newer choice is awaited after the answer in flight, in place of an older pick", () => {
  const { latest, asked } = open();
  latest.ask(layer("a"));
  latest.ask(layer("b"));
  latest.expect(layer("c"));
  latest.superseded("1");
  expect(asked).toHaveLength(1);
  expect(latest.idle).toBe(false);
  latest.answered(null);
  expect(latest.idle).toBe(true);
});

test("Python's answer may come before the one in flight", () => {
  const { latest } = open();
  latest.ask(layer("a"));
  latest.expect(layer("c"));
  latest.answered(null);
  latest.answered("1");
  expect(latest.idle).toBe(true);
});

test("cancel names what was asked, each time, drops what waits, and is not asked again", () => {
  const { latest, asked, cancelled } = open();
  latest.cancel();
  latest.ask(layer("a"));
  latest.checked("1", false);
  latest.ask(layer("b"));
  latest.cancel();
  expect(cancelled).toEqual(["1", "2"]);
  latest.checked("2", true);
  expect(latest.idle).toBe(false);
  latest.checked("2", false);
  expect(asked).toHaveLength(2);
  expect(latest.idle).toBe(true);
});

test("stopped, it asks for nothing more", () => {
  const { latest, asked, waiting } = open();
  latest.ask(layer("a"));
  latest.stop();
  vi.advanceTimersByTime(10 * RETRY_AFTER);
  expect(asked).toHaveLength(1);
  expect(waiting.at(-1)).toBe("idle");
});

test("what is chosen meanwhile without another map goes along with the question that waits, or that was lost", () => {
  const { latest, asked } = open();
  latest.ask(layer("a"));
  latest.amend(layer("a2"));
  latest.checked("1", false);
  latest.ask(layer("b"));
  latest.amend(layer("b2"));
  latest.answered("1");
  expect(asked).toEqual([
    ["1", "a"],
    ["2", "a2"],
    ["3", "b2"],
  ]);
});
