interface Props {
  name: string;
  title: string;
  on: boolean;
  disabled: boolean;
  onSwitch(): void;
}

export function Switch({ name, title, on, disabled, onSwitch }: Props) {
  return (
    <label class="ke-switch" title={title}>
      {name}
      <input
        type="checkbox"
        role="switch"
        checked={on}
        aria-checked={on}
        disabled={disabled}
        data-lm-suppress-shortcuts="true"
        onChange={(event) => {
          // It shows the state, which a click may not change.
          event.currentTarget.checked = on;
          onSwitch();
        }}
      />
    </label>
  );
}
