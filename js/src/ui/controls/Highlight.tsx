import { terms } from "../../graph/tree.ts";

/** Text with the words of the query lit wherever they occur. */
export function Marked({ text, query }: { text: string; query: string }) {
  if (!query) return <>{text}</>;
  const words = terms(query).map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  if (words.length === 0) return <>{text}</>;
  const parts = text.split(new RegExp(`(${words.join("|")})`, "giu"));
  return <>{parts.map((part, at) => (at % 2 ? <mark key={at}>{part}</mark> : part))}</>;
}
