import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DOUBT, LOST, Mailbox, SLOW } from "../../src/kernel/latest.ts";
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
  const mailbox = new Mailbox({
    ask: (id, choice) => asked.push([id, choice.layer]),
    cancel: (id) => cancelled.push(id),
    check: (id) => checks.push(id),
    changed: (now) => waiting.push(now),
    newId: () => `${++count}`,
  });
  return { mailbox, asked, cancelled, checks, waiting };
}

test("one question is in flight, and of those that come meanwhile only the newest goes out", () => {
  const { mailbox, asked } = open();
  for (const name of ["a", "b", "c"]) mailbox.ask(layer(name));
  expect(asked).toEqual([["1", "a"]]);
  mailbox.answered("1");
  expect(asked).toEqual([
    ["1", "a"],
    ["2", "c"],
  ]);
  mailbox.answered("2");
  expect(mailbox.idle).toBe(true);
});

test("superseded is an answer too", () => {
  const { mailbox, asked } = open();
  mailbox.ask(layer("a"));
  mailbox.ask(layer("b"));
  mailbox.superseded("1");
  expect(asked.at(-1)).toEqual(["2", "b"]);
});

test("what Python computes by itself does not answer the page's question, nor does an unknown id", () => {
  const { mailbox, asked } = open();
  mailbox.ask(layer("a"));
  mailbox.ask(layer("b"));
  mailbox.answered(null);
  mailbox.answered("other page's");
  mailbox.superseded("other page's");
  expect(asked).toHaveLength(1);
});

test("after a second without a word the kernel is slow, until it is heard of", () => {
  const { mailbox, waiting } = open();
  mailbox.ask(layer("a"));
  vi.advanceTimersByTime(SLOW - 1);
  expect(waiting.at(-1)).toBe("asked");
  vi.advanceTimersByTime(1);
  expect(waiting.at(-1)).toBe("slow");
  mailbox.heard();
  expect(waiting.at(-1)).toBe("asked");
  mailbox.answered("1");
  expect(waiting.at(-1)).toBe("idle");
  vi.advanceTimersByTime(10 * LOST);
  expect(waiting.at(-1)).toBe("idle");
});

test("a kernel that says nothing is asked ever less often whether it is at the question, and nothing else", () => {
  const { mailbox, asked, checks, waiting } = open();
  mailbox.ask(layer("a"));
  vi.advanceTimersByTime(DOUBT);
  expect(checks).toEqual(["1"]);
  vi.advanceTimersByTime(60_000);
  expect(checks.length).toBeGreaterThan(6);
  expect(checks.length).toBeLessThan(12);
  expect(asked).toHaveLength(1);
  expect(waiting.at(-1)).toBe("slow");
});

test("a kernel that is at the question is not busy, and is left alone for a while", () => {
  const { mailbox, asked, checks, waiting } = open();
  mailbox.ask(layer("a"));
  vi.advanceTimersByTime(SLOW);
  mailbox.checked("1", true);
  expect(waiting.at(-1)).toBe("asked");
  vi.advanceTimersByTime(LOST - 1);
  expect(waiting.at(-1)).toBe("asked");
  expect(checks).toHaveLength(1);
  vi.advanceTimersByTime(SLOW);
  expect(checks).toHaveLength(2);
  expect(waiting.at(-1)).toBe("slow");
  expect(asked).toHaveLength(1);
});

test("a pick does not wait for long work of a kernel that is alive: it supersedes it", () => {
  for (const alive of ["checked", "heard"]) {
    const { mailbox, asked } = open();
    mailbox.ask(layer("a"));
    if (alive === "heard") mailbox.heard();
    else mailbox.checked("1", true);
    mailbox.ask(layer("b"));
    mailbox.ask(layer("c"));
    expect(asked).toEqual([
      ["1", "a"],
      ["2", "b"],
    ]);
    mailbox.superseded("1");
    mailbox.answered("2");
    expect(asked.at(-1)).toEqual(["3", "c"]);
  }
});

test("what was picked while the kernel was busy goes out with its first word, the newest alone", () => {
  const { mailbox, asked } = open();
  for (const name of ["a", "b", "c"]) {
    mailbox.ask(layer(name));
    vi.advanceTimersByTime(SLOW);
  }
  expect(asked).toHaveLength(1);
  mailbox.checked("1", true);
  expect(asked.at(-1)).toEqual(["2", "c"]);
});

test("a lost message is asked for again with a new id, and the answer to either will do", () => {
  const { mailbox, asked, waiting } = open();
  mailbox.ask(layer("a"));
  vi.advanceTimersByTime(DOUBT);
  mailbox.checked("other page's", false);
  expect(asked).toHaveLength(1);
  mailbox.checked("1", false);
  expect(asked).toEqual([
    ["1", "a"],
    ["2", "a"],
  ]);
  expect(waiting.at(-1)).toBe("asked");
  mailbox.superseded("1");
  expect(mailbox.idle).toBe(false);
  mailbox.answered("1");
  expect(mailbox.idle).toBe(true);
});

test("progress keeps a question from being asked again", () => {
  const { mailbox, asked } = open();
  mailbox.ask(layer("a"));
  for (let i = 0; i < 20; i++) {
    vi.advanceTimersByTime(LOST - 1);
    mailbox.heard();
  }
  expect(asked).toHaveLength(1);
});

test("asked again, the newest choice goes out in place of the lost one", () => {
  const { mailbox, asked } = open();
  mailbox.ask(layer("a"));
  mailbox.ask(layer("b"));
  mailbox.checked("1", false);
  expect(asked.at(-1)).toEqual(["2", "b"]);
  mailbox.answered("2");
  expect(mailbox.idle).toBe(true);
});

test("what Python computes by itself is awaited, and asked for only if it does not come", () => {
  const { mailbox, asked, waiting } = open();
  mailbox.expect(layer("a"));
  expect(waiting.at(-1)).toBe("asked");
  mailbox.answered(null);
  expect(mailbox.idle).toBe(true);
  mailbox.expect(layer("b"));
  mailbox.checked(null, true);
  expect(asked).toEqual([]);
  mailbox.checked(null, false);
  expect(asked).toEqual([["1", "b"]]);
});

test("a pick goes out at once while only Python's own work is awaited", () => {
  const { mailbox, asked } = open();
  mailbox.expect(layer("a"));
  mailbox.ask(layer("b"));
  expect(asked).toEqual([["1", "b"]]);
});

test("Python's newer choice is awaited after the answer in flight, in place of an older pick", () => {
  const { mailbox, asked } = open();
  mailbox.ask(layer("a"));
  mailbox.ask(layer("b"));
  mailbox.expect(layer("c"));
  mailbox.superseded("1");
  expect(asked).toHaveLength(1);
  expect(mailbox.idle).toBe(false);
  mailbox.answered(null);
  expect(mailbox.idle).toBe(true);
});

test("Python's answer may come before the one in flight", () => {
  const { mailbox } = open();
  mailbox.ask(layer("a"));
  mailbox.expect(layer("c"));
  mailbox.answered(null);
  mailbox.answered("1");
  expect(mailbox.idle).toBe(true);
});

test("cancel names what was asked, each time, drops what waits, and is not asked again", () => {
  const { mailbox, asked, cancelled } = open();
  mailbox.cancel();
  mailbox.ask(layer("a"));
  mailbox.checked("1", false);
  mailbox.ask(layer("b"));
  mailbox.cancel();
  expect(cancelled).toEqual(["1", "2"]);
  mailbox.checked("2", true);
  expect(mailbox.idle).toBe(false);
  mailbox.checked("2", false);
  expect(asked).toHaveLength(2);
  expect(mailbox.idle).toBe(true);
});

test("stopped, it asks for nothing more", () => {
  const { mailbox, asked, waiting } = open();
  mailbox.ask(layer("a"));
  mailbox.stop();
  vi.advanceTimersByTime(10 * LOST);
  expect(asked).toHaveLength(1);
  expect(waiting.at(-1)).toBe("idle");
});

test("what is chosen meanwhile without another map goes along with the question that waits, or that was lost", () => {
  const { mailbox, asked } = open();
  mailbox.ask(layer("a"));
  mailbox.amend(layer("a2"));
  mailbox.checked("1", false);
  mailbox.ask(layer("b"));
  mailbox.amend(layer("b2"));
  mailbox.answered("1");
  expect(asked).toEqual([
    ["1", "a"],
    ["2", "a2"],
    ["3", "b2"],
  ]);
});
