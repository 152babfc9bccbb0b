import { expect, test } from "vitest";
import {
  formatColumn,
  formatNumber,
  formatPixels,
  formatScore,
  formatShape,
  formatTime,
  scoreDecimals,
} from "../../src/text/format.ts";

test("formatNumber takes three digits, and a real minus", () => {
  const numbers = [0, 4.1, 0.9612, -12.345, 123456789, 0.0000123];
  expect(numbers.map(formatNumber)).toEqual(["0", "4.1", "0.961", "−12.3", "1.2e8", "1.2e−5"]);
});

test("formatScore takes two decimals, and two more where they would be zeros", () => {
  const scores = [0.984, -3.2, 0.0034, 0.00012, 0.00001, 0, Number.NaN];
  expect(scores.map((score) => formatScore(score))).toEqual([
    "0.98",
    "−3.20",
    "0.0034",
    "0.0001",
    "0.00",
    "0.00",
    "NaN",
  ]);
});

test("scoreDecimals tells the highest score by two digits at least", () => {
  const decimals = (...scores: number[]) => scoreDecimals(Float32Array.from(scores));
  expect(decimals(0.984, 0.01)).toBe(2);
  expect(decimals(0.00104, 0.0001)).toBe(4);
  expect(decimals(12.4, -3)).toBe(2);
  expect(decimals(0.00002)).toBe(6);
  expect(decimals(0, Number.NaN)).toBe(2);
});

test("scoreDecimals tells those apart that come near the highest, and no others", () => {
  const decimals = (...scores: number[]) => scoreDecimals(Float32Array.from(scores));
  expect(decimals(0.001021, 0.001019, 0.00101)).toBe(6);
  expect(decimals(0.4512, 0.4508)).toBe(4);
  expect(decimals(0.98, 0.0012, 0.00119)).toBe(2);
  expect(decimals(12.401, 12.4, -3)).toBe(3);
  expect(decimals(0.5, 0.5)).toBe(2);
  expect(decimals(0.5, 0.5 - 2 ** -25)).toBe(7);
});

test("formatColumn keeps the points of probabilities in one column", () => {
  const texts = [0.984, 0.0034].map((score) => formatColumn(score, 2, "probability"));
  expect(texts).toEqual(["0.98\u2007\u2007", "0.0034"]);
  expect([0.00104, 0.00098].map((score) => formatColumn(score, 4, "probability"))).toEqual(["0.0010", "0.0010"]);
  expect(formatColumn(-3.2, 2, "logit")).toBe("−3.20");
});

test("formatShape leaves the batch out and shows what is unknown", () => {
  expect(formatShape([null, 12, 12, 64])).toBe("12·12·64");
  expect(formatShape([null, null, null, 3])).toBe("?·?·3");
  expect(formatShape(null)).toBe("");
});

test("formatTime grows from milliseconds to seconds", () => {
  expect([0.02, 3.24, 48.6, 1234, 45678].map(formatTime)).toEqual(["< 1 ms", "3 ms", "49 ms", "1.2 s", "46 s"]);
});

test("shares of pixels are in percent, and only none at all is 0 %", () => {
  expect([0, 1e-5, 0.0004, 0.0006, 0.125, 1].map(formatPixels)).toEqual([
    "0 %",
    "<0.1 %",
    "<0.1 %",
    "0.1 %",
    "12.5 %",
    "100.0 %",
  ]);
  expect([0.5, -2].map((value) => formatColumn(value, 2, "value"))).toEqual(["0.50", "−2.00"]);
  expect([1, 0.5, 0].map((value) => formatColumn(value, 2, "share"))).toEqual([
    "100.0 %",
    "\u200750.0 %",
    "\u2008\u2007\u2007\u20070 %",
  ]);
});
