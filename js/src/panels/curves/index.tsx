import "./curves.css";
import { formatNumber, formatShare } from "../../text/format.ts";
import { LineChart } from "../../ui/chart/LineChart.tsx";
import { ErrorCaption } from "../../ui/controls/ErrorBanner.tsx";
import type { Panel, PanelProps } from "../panel.ts";
import { area, type Curves, CurvesState, formatArea } from "./curves.ts";

export const curves: Panel<CurvesState> = { create: (store) => new CurvesState(store), Action, Body };

const KINDS = [
  ["deletion", "Deletion", "lower is better"],
  ["insertion", "Insertion", "higher is better"],
] as const;

function Action({ store, state }: PanelProps<CurvesState>) {
  const curves = state.active.value;
  if (store.disconnected.value) return <span>Curves need a kernel</span>;
  const runs = curves.waiting.value !== "idle";
  const progress = curves.progress.value;
  return (
    <>
      {runs && <progress aria-label="Progress" max={progress?.total} value={progress?.done} />}
      {runs && progress && <span>{progress.text}</span>}
      {/* One button, which keeps the focus. */}
      <button
        key="button"
        type="button"
        class="ke-link"
        disabled={!curves.result.value}
        onClick={() => (runs ? curves.cancel() : curves.compute())}
      >
        {runs ? "Cancel" : "Deletion and insertion"}
      </button>
    </>
  );
}

function Body({ state }: PanelProps<CurvesState>) {
  const pane = state.active.value;
  const shown = pane.shown.value;
  return (
    <div class="ke-curves">
      <Chart curves={shown} />
      {pane.problem.value ? (
        <ErrorCaption
          problem={pane.problem.value}
          onDismiss={() => {
            pane.problem.value = null;
          }}
        />
      ) : (
        <div aria-live="polite">
          {shown ? (
            <Legend curves={shown} />
          ) : (
            <p>
              {pane.outdated.value && <b>The map has changed. </b>}
              The class's score as pixels are deleted, or inserted, in the order of the map. The faster it falls, or
              rises, the more faithful the map.
            </p>
          )}
        </div>
      )}
    </div>
  );
}

/** Both curves, and what they mean. */
function Legend({ curves }: { curves: Curves }) {
  return (
    <dl>
      {KINDS.map(([kind, title, meaning]) => (
        <div key={kind}>
          <dt>
            <svg viewBox="0 0 24 2" aria-hidden="true">
              <path class={`ke-${kind}`} d="M0 1h24" />
            </svg>
            {title}
          </dt>
          <dd>
            <b>{formatArea(area(curves.shares, curves[kind]))}</b> area, {meaning}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Chart({ curves }: { curves: Curves | null }) {
  const lines = curves ? KINDS.map(([kind]) => ({ kind: `ke-${kind}`, heights: curves[kind] })) : [];
  return (
    <LineChart
      shares={curves?.shares ?? new Float32Array()}
      lines={lines}
      label={inWords(curves)}
      caption="Score, by pixels deleted or inserted"
      format={formatShare}
    />
  );
}

/** Where each curve starts and ends. */
function inWords(curves: Curves | null): string {
  const lines = KINDS.map(([kind, title]) => {
    const known = curves?.[kind].filter(Number.isFinite) ?? [];
    return known.length > 0 ? `${title}: ${formatNumber(known[0])} to ${formatNumber(known[known.length - 1])}.` : "";
  });
  return lines.join(" ").trim() || "No curves yet.";
}
