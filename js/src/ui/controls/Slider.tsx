import type { ReadonlySignal } from "@preact/signals";
import { useRef } from "preact/hooks";

interface Props {
  name: string;
  value: ReadonlySignal<number>;
  /** The value in words. */
  text?: string;
  /** `dragging`: more changes will follow. */
  onChange(value: number, dragging: boolean): void;
}

/** A native range from 0 to 1. */
export function Range({ name, value, text, onChange }: Props) {
  const dragging = useRef(false);
  return (
    <input
      type="range"
      aria-label={name}
      aria-valuetext={text}
      title={text && `${name}: ${text}`}
      min={0}
      max={1}
      step={0.01}
      value={value}
      data-lm-suppress-shortcuts="true"
      onPointerDown={() => {
        dragging.current = true;
      }}
      onInput={(event) => onChange(event.currentTarget.valueAsNumber, dragging.current)}
      onChange={(event) => {
        dragging.current = false;
        onChange(event.currentTarget.valueAsNumber, false);
      }}
    />
  );
}

export function Slider(props: Props) {
  return (
    <div class="ke-slider">
      <span aria-hidden="true">{props.name}</span>
      <Range {...props} />
      <span class="ke-number">{props.value.value.toFixed(2)}</span>
    </div>
  );
}
