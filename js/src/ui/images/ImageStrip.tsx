import { useComputed } from "@preact/signals";
import { useAfterPaint } from "../hooks/useAfterPaint.ts";
import { Filmstrip } from "./Filmstrip.tsx";
import { GoTo } from "./GoTo.tsx";
import { ImageFilter } from "./ImageFilter.tsx";
import type { StripProps } from "./stripProps.ts";

export function ImageStrip(props: StripProps) {
  const { count, chosen, predictions, targets, model } = props;
  const painted = useAfterPaint();
  const passing = useComputed(() => predictions.value.passing());
  const items = useComputed(() => passing.value ?? Array.from({ length: count }, (_, i) => i));
  return (
    <section class="ke-image-strip">
      {count > 1 && (
        <div class="ke-filter">
          <GoTo {...props} position={items.value.indexOf(chosen.value)} listed={items.value.length} />
          {targets && <ImageFilter predictions={predictions.value} passing={passing} />}
          {model && <span class="ke-predictor">Predictions of {model}</span>}
        </div>
      )}
      {painted.value && <Filmstrip {...props} items={items} />}
    </section>
  );
}
