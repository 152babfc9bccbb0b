import type { Problem } from "../messages.ts";

/** Maximum length of the sentence, in characters. */
const LONGEST = 240;
/** Matches up to a full stop or a line break; not the full stop of an abbreviation, a number, a name or a shape. */
const SENTENCE = /^.*?(?:(?<!\b(?:e\.g|i\.e|cf|no|vs|approx))[.!?](?=\s|$)|(?=\n)|$)/i;

/** Split an error into the sentence to show, and the rest for Details; empty where the sentence is all. */
export function splitError({ message, details }: Problem): { sentence: string; rest: string } {
  const whole = message.trim();
  const first = SENTENCE.exec(whole)?.[0].trim() || whole;
  const sentence = first.length > LONGEST ? `${first.slice(0, LONGEST - 1).trimEnd()}…` : first;
  const kept = [sentence === whole ? "" : whole, details?.trim() ?? ""];
  return { sentence, rest: kept.filter(Boolean).join("\n\n") };
}
