import type { ReadonlySignal } from "@preact/signals";
import { useRef } from "preact/hooks";

interface Props {
  name: string;
  value: ReadonlySignal<number>;
  /** The value in words. */
  text?: string;
  /** `dragging`: more will follow. */
  onChange(value: number, dragging: boolean): void;
}

export function Slider({ name, value, text, onChange }: Props) {
  const dragging = useRef(false);
  return (
    <label class="ke-slider">
      <span>{name}</span>
      <input
        type="range"
        aria-label={name}
        aria-valuetext={text}
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
      <span class="ke-number">{text ?? value.value.toFixed(2)}</span>
    </label>
  );
}
