export function Logo() {
  return (
    <span className="logo">
      <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="9" className="logo__tile" />
        <path
          d="M9 21c0-9 14-1 14-10"
          fill="none"
          stroke="#fff"
          strokeWidth="2.6"
          strokeLinecap="round"
        />
        <circle cx="9" cy="21" r="3.6" fill="#4fd1bf" />
        <circle cx="23" cy="11" r="3.6" fill="#ff9a4d" />
      </svg>
      Relay
    </span>
  );
}
