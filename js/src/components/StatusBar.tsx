import type { ReadonlySignal } from "@preact/signals";
import type { Result, Waiting } from "../contract.ts";
import type { Facts } from "../facts.ts";
import { formatTime } from "../format.ts";
import type { Pane, Picture } from "../pane.ts";

interface Props {
  /** Of the active pane. */
  picture: ReadonlySignal<Picture | null>;
  awaited: ReadonlySignal<Waiting>;
  /** Whose progress is told. */
  working: ReadonlySignal<Pane | null>;
  panes: ReadonlySignal<readonly Pane[]>;
  facts: Facts;
  onCancel(pane: Pane): void;
}

export function StatusBar({ picture, awaited, working, panes, facts, onCancel }: Props) {
  const pane = awaited.value === "idle" ? null : working.value;
  const number = panes.value.length > 1 && pane ? 1 + panes.value.indexOf(pane) : 0;
  return (
    <div class="ke-foot">
      <span role="status">
        <Shown picture={picture.value} facts={facts} />
        {awaited.value === "slow" && <span class="ke-slow">kernel busy</span>}
      </span>
      {pane && <Work pane={pane} number={number} onCancel={() => onCancel(pane)} />}
    </div>
  );
}

function Shown({ picture, facts }: { picture: Picture | null; facts: Facts }) {
  if (!picture) return <>Waiting for the first map</>;
  const { result } = picture;
  if (!result) return <>Image {picture.index}: waiting for its map</>;
  const { choice, map, note } = result;
  const method = facts.methodOf(choice);
  return (
    <>
      {method?.title ?? choice.method} of <b>{facts.classes(choice)}</b>
      {method?.layer !== false && (
        <>
          {" at "}
          <b>{choice.layer}</b>
        </>
      )}
      {facts.models.length > 1 && ` of ${facts.modelOf(choice).name}`}
      {` · ${map.height} × ${map.width} · ${howFar(result)}`}
      {note && <span class="ke-hidden">. {note}</span>}
    </>
  );
}

/** How long it took, or how much of it there is. */
function howFar({ preview, done = 1, total = 1, milliseconds }: Result): string {
  if (preview) return `${done} of ${total} so far`;
  return done < total ? `stopped after ${done} of ${total}` : formatTime(milliseconds);
}

/** How far a pane has come; its number where there are several, since Cancel stops that one alone. */
function Work({ pane, number, onCancel }: { pane: Pane; number: number; onCancel(): void }) {
  const { done, total, text } = pane.working.value ?? { done: 0, total: 0, text: "" };
  return (
    <span class="ke-work">
      <span class="ke-text">
        {number > 0 && `Pane ${number}: `}
        {text}
      </span>
      <progress aria-label="Progress" max={total || undefined} value={total ? done : undefined} />
      <button type="button" class="ke-button" onClick={onCancel}>
        Cancel
      </button>
    </span>
  );
}
