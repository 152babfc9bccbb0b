interface Props {
  name: string;
  /** Its name for a reader, where what is seen would not do. */
  label?: string;
  value: string;
  options: readonly { value: string; title: string }[];
  disabled?: boolean;
  onChange(value: string): void;
}

export function Select({ name, label = name, value, options, disabled, onChange }: Props) {
  return (
    <label class="ke-field">
      <span>{name}</span>
      <select
        aria-label={label}
        value={value}
        disabled={disabled}
        data-lm-suppress-shortcuts="true"
        onChange={(event) => onChange(event.currentTarget.value)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === value}>
            {option.title}
          </option>
        ))}
      </select>
    </label>
  );
}
