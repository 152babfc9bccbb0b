import type { Problem } from "../messages.ts";

/** Letters of a sentence that still fit where it is shown. */
const LONGEST = 240;
/** Up to a full stop or a line's end; not the one of an abbreviation, nor one within a number, a name or a shape. */
const SENTENCE = /^.*?(?:(?<!\b(?:e\.g|i\.e|cf|no|vs|approx))[.!?](?=\s|$)|(?=\n)|$)/i;

/** What is shown of a problem at once, and what is kept for whoever asks for details; empty where all is shown. */
export function splitError({ message, details }: Problem): { sentence: string; rest: string } {
  const whole = message.trim();
  const first = SENTENCE.exec(whole)?.[0].trim() || whole;
  const sentence = first.length > LONGEST ? `${first.slice(0, LONGEST - 1).trimEnd()}…` : first;
  const kept = [sentence === whole ? "" : whole, details?.trim() ?? ""];
  return { sentence, rest: kept.filter(Boolean).join("\n\n") };
}
