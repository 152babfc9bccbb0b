import type { Truncated } from "../../text/truncate.ts";
import { Highlight } from "./Highlight.tsx";

/** A name whose less telling pieces give way where there is no room; read out, it is in one. */
export function TruncatedName({ cut, query = "" }: { cut: Truncated; query?: string }) {
  if (cut.length === 1)
    return (
      <span class="ke-name">
        <Highlight text={cut[0]} query={query} />
      </span>
    );
  return (
    <>
      <span class="ke-name ke-cut" aria-hidden="true">
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
