import type { ReadonlySignal } from "@preact/signals";

interface Props {
  name: string;
  value: ReadonlySignal<number>;
  onChange(value: number): void;
}

export function Slider({ name, value, onChange }: Props) {
  return (
    <label class="ke-slider">
      <span>{name}</span>
      <input
        type="range"
        aria-label={name}
        min={0}
        max={1}
        step={0.01}
        value={value}
        data-lm-suppress-shortcuts="true"
        onInput={(event) => onChange(event.currentTarget.valueAsNumber)}
      />
      <span class="ke-number">{value.value.toFixed(2)}</span>
    </label>
  );
}
