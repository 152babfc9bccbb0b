import type { Truncated } from "../../text/truncate.ts";
import { Highlight } from "./Highlight.tsx";

/** A name that is truncated where space is short; screen readers get it whole. */
export function TruncatedName({ cut, query = "" }: { cut: Truncated; query?: string }) {
  if (cut.length === 1)
    return (
      <span class="ke-name">
        <Highlight text={cut[0]} query={query} />
      </span>
    );
  return (
    <>
      <span class="ke-name ke-truncated" aria-hidden="true">
        {cut.map((piece, at) => (
          <span key={at}>
            <Highlight text={piece} query={query} />
          </span>
        ))}
      </span>
      <span class="ke-hidden">{cut.join("")}</span>
    </>
  );
}
