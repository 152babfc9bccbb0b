import { expect, test } from "vitest";
import { splitError } from "../../src/text/errorText.ts";

const problem = (message: string, details?: string) => splitError({ message, hint: null, details });

test("one sentence is shown, and what follows is kept with it for the details", () => {
  const message = "`layer` must name a layer with a spatial output (B, H, W, K). Received: layer='dense'. Use 'conv'.";
  expect(problem(message)).toEqual({
    sentence: "`layer` must name a layer with a spatial output (B, H, W, K).",
    rest: message,
  });
  expect(problem("It failed.")).toEqual({ sentence: "It failed.", rest: "" });
  expect(problem("broken on purpose")).toEqual({ sentence: "broken on purpose", rest: "" });
});

test("numbers, paths, abbreviations and shapes end no sentence; a line's end does", () => {
  expect(problem("0.5 of tf.keras.Model, e.g. of v1.2, is too much! Take less.").sentence).toBe(
    "0.5 of tf.keras.Model, e.g. of v1.2, is too much!",
  );
  expect(problem("Graph execution error:\n\nDetected at node x").sentence).toBe("Graph execution error:");
});

test("what is too long is cut, and whole in the details; so is the traceback", () => {
  const { sentence, rest } = problem(`${"word ".repeat(100)}end`, "Traceback (most recent call last):");
  expect(sentence.length).toBeLessThanOrEqual(240);
  expect(sentence.endsWith("…")).toBe(true);
  expect(rest).toContain("word end\n\nTraceback (most");
  expect(problem("Short.", "Traceback")).toEqual({ sentence: "Short.", rest: "Traceback" });
});
