import type { ReadonlySignal } from "@preact/signals";
import { terms } from "../tree.ts";

/** Text with the first word of the query lit where it occurs. */
export function Marked({ text, query }: { text: string; query: ReadonlySignal<string> }) {
  const word = terms(query.value).find((term) => text.toLowerCase().includes(term));
  if (!word) return <>{text}</>;
  const at = text.toLowerCase().indexOf(word);
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + word.length)}</mark>
      {text.slice(at + word.length)}
    </>
  );
}
