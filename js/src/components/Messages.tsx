import type { Problem } from "../contract.ts";

/** What went wrong; without `onDismiss` it stays. */
export function Trouble({ problem, onDismiss }: { problem: Problem; onDismiss?(): void }) {
  return (
    <div class="ke-message ke-trouble" role="alert">
      <p>
        {problem.message}
        {problem.hint && <span class="ke-hint"> {problem.hint}</span>}
      </p>
      {onDismiss && <Dismiss name="Dismiss error" onDismiss={onDismiss} />}
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
