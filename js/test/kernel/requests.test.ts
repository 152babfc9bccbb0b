import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Request, Requests } from "../../src/kernel/requests.ts";
import { RETRY_AFTER } from "../../src/kernel/retry.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const THUMBNAILS: Request = { kind: "images", fields: { indices: [1, 2], size: 112 } };
const PREDICTIONS: Request = { kind: "predictions", fields: { indices: [4], model_index: 0 } };

function open() {
  const sent: [string, Request][] = [];
  let count = 0;
  const requests = new Requests({ send: (id, request) => sent.push([id, request]), newId: () => `${++count}` });
  return { requests, sent };
}

test("requests are sent at once, side by side, and answered by their id", () => {
  const { requests, sent } = open();
  requests.ask(THUMBNAILS);
  requests.ask(PREDICTIONS);
  expect(sent).toEqual([
    ["1", THUMBNAILS],
    ["2", PREDICTIONS],
  ]);
  expect(requests.answered("2")).toEqual(PREDICTIONS);
  expect(requests.answered("2")).toBeNull();
  expect(requests.answered("9")).toBeNull();
  expect(requests.answered(null)).toBeNull();
});

test("a lost request is sent again under another id, after twice as long each time", () => {
  const { requests, sent } = open();
  requests.ask(THUMBNAILS);
  vi.advanceTimersByTime(RETRY_AFTER);
  expect(sent.map(([id]) => id)).toEqual(["1", "2"]);
  vi.advanceTimersByTime(2 * RETRY_AFTER - 1);
  expect(sent).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(sent.at(-1)).toEqual(["3", THUMBNAILS]);
  expect(requests.answered("1")).toBeNull();
  expect(requests.answered("3")).toEqual(THUMBNAILS);
  vi.advanceTimersByTime(60 * RETRY_AFTER);
  expect(sent).toHaveLength(3);
});

test("progress is a sign of life: only a silence makes it ask again", () => {
  const { requests, sent } = open();
  requests.ask(THUMBNAILS);
  for (let i = 0; i < 5; i++) {
    vi.advanceTimersByTime(RETRY_AFTER - 1);
    expect(requests.progressed("1")).toEqual(THUMBNAILS);
  }
  expect(sent).toHaveLength(1);
  vi.advanceTimersByTime(RETRY_AFTER);
  expect(sent.map(([id]) => id)).toEqual(["1", "2"]);
  expect(requests.progressed("1")).toBeNull();
  expect(requests.progressed(null)).toBeNull();
});

test("after the end nothing is sent again", () => {
  const { requests, sent } = open();
  requests.ask(THUMBNAILS);
  requests.stop();
  vi.advanceTimersByTime(10 * RETRY_AFTER);
  requests.ask(PREDICTIONS);
  expect(sent).toHaveLength(1);
  expect(requests.answered("1")).toBeNull();
});
