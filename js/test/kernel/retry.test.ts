import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CHECK_AFTER, RETRY_AFTER, RetryTimer, SLOW_AFTER } from "../../src/kernel/retry.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function open() {
  const began = Date.now();
  const checks: number[] = [];
  const slow: number[] = [];
  const timer = new RetryTimer({
    check: () => checks.push(Date.now() - began),
    slow: () => slow.push(Date.now() - began),
  });
  return { timer, checks, slow };
}

test("silence is followed by checks, ever less often", () => {
  const { timer, checks, slow } = open();
  timer.start();
  vi.advanceTimersByTime(40_000);
  expect(checks).toEqual([500, 1_500, 3_500, 7_500, 15_500, 25_500, 35_500]);
  expect(slow).toEqual([SLOW_AFTER]);
});

test("starting over begins anew, also after a longer time", () => {
  const { timer, checks, slow } = open();
  timer.start();
  vi.advanceTimersByTime(CHECK_AFTER - 1);
  timer.start(RETRY_AFTER);
  vi.advanceTimersByTime(RETRY_AFTER - 1);
  expect([checks, slow]).toEqual([[], []]);
  vi.advanceTimersByTime(1 + CHECK_AFTER);
  expect(checks).toHaveLength(1);
  expect(slow).toHaveLength(1);
});

test("nothing happens once it is stopped", () => {
  const { timer, checks, slow } = open();
  timer.start();
  timer.stop();
  vi.advanceTimersByTime(60_000);
  expect([checks, slow]).toEqual([[], []]);
});
