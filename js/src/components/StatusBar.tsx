import type { ReadonlySignal } from "@preact/signals";
import type { Progress, Result, Waiting } from "../contract.ts";
import type { Facts } from "../facts.ts";
import { formatTime } from "../format.ts";
import type { Picture } from "../pane.ts";

interface Props {
  /** Of the active pane. */
  picture: ReadonlySignal<Picture | null>;
  awaited: ReadonlySignal<Waiting>;
  progress: ReadonlySignal<Progress | null>;
  facts: Facts;
  onCancel(): void;
}

export function StatusBar({ picture, awaited, progress, facts, onCancel }: Props) {
  const working = awaited.value === "idle" ? null : progress.value;
  return (
    <div class="ke-foot">
      <span role="status">
        <Shown picture={picture.value} facts={facts} />
        {awaited.value === "slow" && <span class="ke-slow">kernel busy</span>}
      </span>
      {working && <Work progress={working} onCancel={onCancel} />}
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

function Work({ progress: { done, total, text }, onCancel }: { progress: Progress; onCancel(): void }) {
  return (
    <span class="ke-work">
      <span class="ke-text">{text}</span>
      <progress aria-label="Progress" max={total || undefined} value={total ? done : undefined} />
      <button type="button" class="ke-button" onClick={onCancel}>
        Cancel
      </button>
    </span>
  );
}
