import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Choice, Progress, Result } from "../../messages.ts";
import type { Picture } from "../../picture/picture.ts";
import { caption, differing, imageName } from "../../state/captions.ts";
import type { Pane } from "../../state/pane.ts";
import type { Store } from "../../state/store.ts";
import { formatNumber, formatShare, formatTime } from "../../text/format.ts";
import type { Truncated } from "../../text/truncate.ts";
import { ErrorCaption } from "../controls/ErrorBanner.tsx";
import { TruncatedName } from "../controls/TruncatedName.tsx";

interface Props {
  store: Store;
  pane: Pane;
  /** The map is slow: shown only after a delay. */
  late: ReadonlySignal<boolean>;
  /** What distinguishes it from the other panes. */
  heading?: Truncated;
  /** Before and after the text, among several panes. */
  before?: ComponentChildren;
  after?: ComponentChildren;
}

/** Two lines above a picture, always two, so that nothing moves: what is shown, its progress, or an error. */
export function Caption({ store, pane, late, heading, before, after }: Props) {
  const problem = pane.problem.value;
  const active = store.active.value === pane;
  const own = pane.working.value;
  const written = active && !own ? store.exportProgress.value : null;
  const cancel = own ? () => pane.cancel() : () => store.cancelExport();
  return (
    <div class="ke-caption">
      {before}
      {problem ? (
        <ErrorCaption
          problem={problem}
          onDismiss={() => {
            pane.problem.value = null;
          }}
        />
      ) : (
        <Lines store={store} pane={pane} late={late} heading={heading} active={active} work={own ?? written} />
      )}
      {!problem && (own ?? written) && (
        <button type="button" class="ke-button" onClick={cancel}>
          Cancel
        </button>
      )}
      {after}
    </div>
  );
}

function Lines({ store, pane, late, heading, active, work }: Props & { active: boolean; work: Progress | null }) {
  const { catalog, refusal, awaited } = store;
  const picture = pane.picture.value;
  const title = <MapTitle picture={picture} catalog={catalog} waiting={late.value} />;
  const first = heading ? <TruncatedName cut={heading} /> : title;
  return (
    <div class="ke-status" data-heading={heading && ""} role={active ? "status" : undefined}>
      <div>{active && refusal.value ? <b>{refusal}</b> : first}</div>
      {picture?.result && <span class="ke-hidden"> · </span>}
      <div>
        {heading && <span>{title}</span>}
        {work && <span class="ke-progress">{`${work.text}${picture?.result?.preview ? " so far" : ""}`}</span>}
        {picture?.result && !work && <MapDetails result={picture.result} hidden={store.display.threshold.value} />}
        <Pending store={store} pane={pane} late={late} />
        {active && awaited.value === "slow" && <span class="ke-slow">Kernel busy. Your selection is queued.</span>}
      </div>
    </div>
  );
}

/** The choice that is not shown yet, where that takes long; always with its layer. */
function Pending({ store, pane, late }: Props) {
  const what = useComputed(() => {
    const shown = pane.picture.value?.result?.choice;
    const choice = pane.choice.value;
    const layer = atLayer(choice, store.catalog);
    if (!shown) return layer && `the map${layer}`;
    const changed = differing([shown, choice]);
    const text = caption(choice, changed, store.catalog);
    return changed.includes("layer") ? text : text + layer;
  });
  return late.value && what.value && !pane.working.value ? <span>Computing {what} …</span> : null;
}

function atLayer(choice: Choice, catalog: Store["catalog"]): string {
  return catalog.methodOf(choice)?.uses_layer === false ? "" : ` at ${choice.layer}`;
}

/** The size of the map, its duration, and the hidden share, which screen readers get from the slider. */
function MapDetails({ result, hidden }: { result: Result; hidden: number }) {
  const { map, empty_reason, completeness } = result;
  return (
    <>
      <span>{`Map ${map.height} × ${map.width} · ${duration(result)}`}</span>
      {completeness && <Completeness found={completeness[0]} expected={completeness[1]} />}
      {hidden > 0 && <span aria-hidden="true">{formatShare(hidden)} hidden</span>}
      {empty_reason && <span class="ke-hidden">. {empty_reason}</span>}
    </>
  );
}

/** Whether the map's values sum to what the method promises: with too few steps they do not. */
function Completeness({ found, expected }: { found: number; expected: number }) {
  const share = Math.abs(found - expected) / Math.max(Math.abs(expected), 1e-9);
  const off = share < 0.005 ? "" : `, ${formatShare(Math.min(share, 9.99))} off`;
  const text = `sums to ${formatNumber(found)} of ${formatNumber(expected)}${off}`;
  return (
    <span
      class={share > 0.05 ? "ke-slow" : undefined}
      title="The sum of the map, of the score less that of the baseline. More steps bring them together."
    >
      {text}
    </span>
  );
}

/** Return how long it took, or how many steps are done. */
function duration({ preview, done = 1, total = 1, milliseconds }: Result): string {
  if (preview) return `step ${done} of ${total} so far`;
  return done < total ? `stopped after step ${done} of ${total}` : formatTime(milliseconds);
}

interface TitleProps {
  picture: Picture | null;
  catalog: Store["catalog"];
  waiting: boolean;
}

/** What is shown, in a line. */
function MapTitle({ picture, catalog, waiting }: TitleProps) {
  if (!picture) return <>Waiting for the first map</>;
  const { index, result } = picture;
  if (!result) return <>{`${imageName(index, catalog)}${waiting ? ": waiting for its map" : ""}`}</>;
  const { choice } = result;
  const method = catalog.methodOf(choice);
  return (
    <>
      {method?.title ?? choice.method} of <b>{catalog.classes(choice)}</b>
      {method?.uses_layer !== false && (
        <>
          {" at "}
          <b>{choice.layer}</b>
        </>
      )}
      {catalog.models.length > 1 && ` of ${catalog.modelOf(choice).name}`}
    </>
  );
}

/** On the picture while its caption shows an error: the map is an older one, or there is none. */
export function LastMap({ store, pane }: { store: Store; pane: Pane }) {
  const picture = pane.picture.value;
  if (!pane.problem.value || !picture) return null;
  return (
    <span class="ke-previous" role={store.active.value === pane ? "status" : undefined}>
      {picture.result ? (
        <>
          Last map: <MapTitle picture={picture} catalog={store.catalog} waiting={false} />
        </>
      ) : (
        `${imageName(picture.index, store.catalog)} has no map`
      )}
    </span>
  );
}
