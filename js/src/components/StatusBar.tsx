import type { ReadonlySignal } from "@preact/signals";
import type { Progress, Result, Waiting } from "../contract.ts";
import type { Facts } from "../facts.ts";
import { formatTime } from "../format.ts";
import type { Pane, Picture } from "../pane.ts";

interface Props {
  /** Of the active pane. */
  picture: ReadonlySignal<Picture | null>;
  awaited: ReadonlySignal<Waiting>;
  /** Why nothing came of what was done last. */
  refusal: ReadonlySignal<string>;
  /** Whose progress is told. */
  working: ReadonlySignal<Pane | null>;
  /** How far the file is that Python writes, if it does. */
  writing: ReadonlySignal<Progress | null>;
  panes: ReadonlySignal<readonly Pane[]>;
  facts: Facts;
  onCancel(pane: Pane): void;
  onCancelExport(): void;
}

export function StatusBar(props: Props) {
  const { picture, awaited, refusal, working, writing, panes, facts, onCancel, onCancelExport } = props;
  const pane = awaited.value === "idle" ? null : working.value;
  const progress = pane ? pane.working.value : writing.value;
  const named = pane && panes.value.length > 1 ? `Pane ${1 + panes.value.indexOf(pane)}: ` : "";
  return (
    <div class="ke-foot">
      <span role="status">
        {refusal.value ? <b>{refusal}</b> : <Shown picture={picture} facts={facts} />}
        {awaited.value === "slow" && <span class="ke-slow">kernel busy: your choice waits</span>}
      </span>
      {progress && <Work progress={progress} named={named} onCancel={pane ? () => onCancel(pane) : onCancelExport} />}
    </div>
  );
}

function Shown({ picture, facts }: { picture: ReadonlySignal<Picture | null>; facts: Facts }) {
  if (!picture.value) return <>Waiting for the first map</>;
  const { index, result } = picture.value;
  if (!result) return <>Image {index}: waiting for its map</>;
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

/** How far it has come, and of which pane where there are several, since Cancel stops that one alone. */
function Work({ progress, named, onCancel }: { progress: Progress; named: string; onCancel(): void }) {
  const { done, total, text } = progress;
  return (
    <span class="ke-work">
      <span class="ke-text">
        {named}
        {text}
      </span>
      <progress aria-label="Progress" max={total || undefined} value={total ? done : undefined} />
      <button type="button" class="ke-button" onClick={onCancel}>
        Cancel
      </button>
    </span>
  );
}
