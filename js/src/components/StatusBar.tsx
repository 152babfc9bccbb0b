import type { ReadonlySignal } from "@preact/signals";
import type { Choice, Method, Progress, Waiting } from "../contract.ts";
import { formatTime } from "../format.ts";
import type { Picture } from "../store.ts";

interface Props {
  picture: ReadonlySignal<Picture | null>;
  awaited: ReadonlySignal<Waiting>;
  progress: ReadonlySignal<Progress | null>;
  labels: readonly string[];
  methodOf(choice: Choice): Method | undefined;
  onCancel(): void;
}

export function StatusBar({ picture, awaited, progress, labels, methodOf, onCancel }: Props) {
  const working = awaited.value === "idle" ? null : progress.value;
  return (
    <div class="ke-foot">
      <span role="status">
        <Shown picture={picture.value} labels={labels} methodOf={methodOf} />
        {awaited.value === "slow" && <span class="ke-slow">kernel busy</span>}
      </span>
      {working && <Work progress={working} onCancel={onCancel} />}
    </div>
  );
}

function Shown({ picture, labels, methodOf }: { picture: Picture | null } & Pick<Props, "labels" | "methodOf">) {
  if (!picture) return <>Waiting for the first map</>;
  const { result } = picture;
  if (!result) return <>Image {picture.index}: waiting for its map</>;
  const { choice, map, milliseconds, note } = result;
  const method = methodOf(choice);
  return (
    <>
      {method?.title ?? choice.method} of <b>{labels[choice.class_index] ?? `class ${choice.class_index}`}</b>
      {method?.layer !== false && (
        <>
          {" at "}
          <b>{choice.layer}</b>
        </>
      )}
      {` · ${map.height} × ${map.width} · ${formatTime(milliseconds)}`}
      {note && <span class="ke-hidden">. {note}</span>}
    </>
  );
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
