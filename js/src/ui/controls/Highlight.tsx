import { splitAtMatches } from "../../text/query.ts";

/** Text with the words of the query highlighted. */
export function Highlight({ text, query }: { text: string; query: string }) {
  if (!query) return <>{text}</>;
  return <>{splitAtMatches(text, query).map((part, at) => (at % 2 ? <mark key={at}>{part}</mark> : part))}</>;
}
