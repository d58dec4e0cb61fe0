import { useStore } from '../net/use-store.js';
import { Icon } from '../ui/icon.js';
import { theme, toggleTheme } from '../ui/theme.js';

export function ThemeToggle() {
  const dark = useStore(theme) === 'dark';
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={dark ? 'Light colours' : 'Dark colours'}
      title={dark ? 'Light colours' : 'Dark colours'}
      onClick={toggleTheme}
    >
      <Icon name={dark ? 'sun' : 'moon'} size={18} />
    </button>
  );
}
