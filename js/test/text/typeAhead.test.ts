import { expect, test, vi } from "vitest";
import { nextMatch, TypeAhead } from "../../src/text/typeAhead.ts";

const NAMES = ["cat", "cow", "dog", "crab", "Dove"];
const find = (from: number, text: string) =>
  nextMatch(NAMES.length, from, text, (at, t) => NAMES[at].toLowerCase().startsWith(t));

test("letters in one go make one word, and a pause begins another", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const typeAhead = new TypeAhead();
  expect(typeAhead.active).toBe(false);
  expect(typeAhead.add("c")).toBe("c");
  expect(typeAhead.active).toBe(true);
  vi.advanceTimersByTime(600);
  expect(typeAhead.add("r")).toBe("cr");
  vi.advanceTimersByTime(800);
  expect(typeAhead.active).toBe(false);
  expect(typeAhead.add("d")).toBe("d");
  vi.useRealTimers();
});

test("a letter goes to the next name, round the end; a longer beginning may stay where it is", () => {
  expect(find(0, "c")).toBe(1);
  expect(find(1, "c")).toBe(3);
  expect(find(3, "c")).toBe(0);
  expect(find(3, "cr")).toBe(3);
  expect(find(0, "D")).toBe(2);
  expect(find(-1, "c")).toBe(0);
  expect(find(0, "x")).toBe(-1);
  expect(nextMatch(0, -1, "c", () => true)).toBe(-1);
});

test("the same letter again goes on, unless a name begins so", () => {
  expect(find(0, "cc")).toBe(1);
  expect(find(1, "ccc")).toBe(3);
  expect(nextMatch(2, 0, "oo", (at, t) => ["oat", "ooze"][at].startsWith(t))).toBe(1);
});
