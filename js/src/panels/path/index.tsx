import "./path.css";
import { useEffect, useRef } from "preact/hooks";
import { formatNumber } from "../../text/format.ts";
import { LineChart } from "../../ui/chart/LineChart.tsx";
import { ErrorCaption } from "../../ui/controls/ErrorBanner.tsx";
import { Slider } from "../../ui/controls/Slider.tsx";
import type { Panel, PanelProps } from "../panel.ts";
import { nearest, PathState, pictureOf, type Way } from "./path.ts";

export const path: Panel<PathState> = { create: (store) => new PathState(store), Body };

function Body({ store, state }: PanelProps<PathState>) {
  const pane = state.active.value;
  const { result, shown, waiting, problem } = pane;
  useEffect(() => {
    problem.value = null;
    if (!store.disconnected.peek()) pane.want();
  }, [pane, result.value]);
  if (!result.value) return <p class="ke-path">{whyNone(store)}</p>;
  if (problem.value)
    return (
      <ErrorCaption
        problem={problem.value}
        onDismiss={() => {
          problem.value = null;
        }}
      />
    );
  const way = shown.value;
  if (!way) {
    const text = store.disconnected.value ? "The way to the image needs a kernel." : "Computing the way to the image …";
    return <p class="ke-path">{waiting.value === "idle" && !store.disconnected.value ? "" : text}</p>;
  }
  return <Player state={state} way={way} />;
}

function whyNone({ setup }: PanelProps<PathState>["store"]): string {
  const known = setup.methods.filter(({ way }) => way).map(({ title }) => title);
  return `This method goes no way from a baseline to the image. Those that do: ${known.join(", ")}.`;
}

/** A slider over the way: what the model is given there, and its score. */
function Player({ state, way }: { state: PathState; way: Way }) {
  const { alpha } = state;
  const at = nearest(way, alpha.value);
  const score = way.scores[at];
  const last = way.scores[way.scores.length - 1];
  return (
    <div class="ke-path">
      <Picture bytes={way.pictures[at]} share={way.shares[at]} />
      <div>
        <Slider
          name="Alpha"
          value={alpha}
          text={`${way.shares[at].toFixed(2)} of the way, score ${formatNumber(score)}`}
          onChange={(share) => {
            alpha.value = share;
          }}
        />
        <p aria-live="polite">
          <b>{Number.isFinite(score) ? formatNumber(score) : "…"}</b> score, {formatNumber(way.scores[0])} at the
          baseline, {Number.isFinite(last) ? formatNumber(last) : "…"} of the image
        </p>
        <p>Pixels get their values where the curve rises or falls; where it is flat, they get none.</p>
      </div>
      <LineChart
        shares={way.shares}
        lines={[{ kind: "ke-way", heights: way.scores }]}
        label={`Score from ${formatNumber(way.scores[0])} at the baseline to ${formatNumber(last)} of the image`}
        caption="Score, by alpha"
        format={(share) => `${share}`}
        mark={way.shares[at]}
      />
    </div>
  );
}

/** What the model is given at a point of the way. */
function Picture({ bytes, share }: { bytes: Way["pictures"][number] | undefined; share: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let gone = false;
    if (bytes)
      void pictureOf(bytes).then((bitmap) => {
        if (gone || !canvas.current) return;
        Object.assign(canvas.current, { width: bitmap.width, height: bitmap.height });
        canvas.current.getContext("2d")?.drawImage(bitmap, 0, 0);
      });
    return () => {
      gone = true;
    };
  }, [bytes]);
  return <canvas ref={canvas} role="img" aria-label={`The image at alpha ${share.toFixed(2)}`} />;
}
