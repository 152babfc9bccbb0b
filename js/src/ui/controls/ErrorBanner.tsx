import type { Problem } from "../../messages.ts";
import { splitError } from "../../text/errorText.ts";

/** Why there is no kernel; it cannot be dismissed. */
export function ErrorBanner({ problem }: { problem: Problem }) {
  return (
    <div class="ke-message ke-error-banner" role="alert">
      <p>
        {problem.message}
        {problem.hint && <span class="ke-hint"> {problem.hint}</span>}
      </p>
    </div>
  );
}

/** An error in two lines: a sentence and a hint; the rest opens with Details. */
export function ErrorCaption({ problem, onDismiss }: { problem: Problem; onDismiss(): void }) {
  const { sentence, rest } = splitError(problem);
  return (
    <div class="ke-status ke-alert" role="alert">
      <p title={sentence}>{sentence}</p>{" "}
      <p class="ke-hint" title={problem.hint ?? undefined}>
        {problem.hint}
      </p>
      {/* Without further details only a narrow pane needs them. */}
      <details class="ke-details" data-short={!rest || undefined}>
        <summary class="ke-button">Details</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrolled by key */}
        <pre tabIndex={0}>{rest || [sentence, problem.hint].filter(Boolean).join("\n\n")}</pre>
      </details>
      <Dismiss name="Dismiss error" onDismiss={onDismiss} />
    </div>
  );
}

export function Notice({ text, onDismiss }: { text: string; onDismiss(): void }) {
  return (
    <div class="ke-message ke-notice" role="note">
      <p>{text}</p>
      <Dismiss name="Dismiss notice" onDismiss={onDismiss} />
    </div>
  );
}

function Dismiss({ name, onDismiss }: { name: string; onDismiss(): void }) {
  return (
    <button type="button" class="ke-icon" aria-label={name} title={name} onClick={onDismiss}>
      <svg width="10" height="10" viewBox="0 0 10 10" fill="none" stroke="currentColor" aria-hidden="true">
        <path d="M1 1l8 8M9 1 1 9" />
      </svg>
    </button>
  );
}
