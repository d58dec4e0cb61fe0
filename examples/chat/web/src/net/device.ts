/** A name for this tab, shown to other people: `Chrome on Linux`. */
export function describeDevice(agent = navigator.userAgent): string {
  const browser = firstMatch(agent, [
    ['Edge', /Edg\//],
    ['Firefox', /Firefox\//],
    ['Chrome', /(Chrome|CriOS|Chromium)\//],
    ['Safari', /Safari\//],
  ]);
  const system = firstMatch(agent, [
    ['iPhone', /iPhone/],
    ['iPad', /iPad/],
    ['Android', /Android/],
    ['Windows', /Windows/],
    ['Mac', /Mac OS/],
    ['Linux', /Linux/],
  ]);
  return `${browser ?? 'Browser'} on ${system ?? 'a computer'}`;
}

export function isPhone(device: string): boolean {
  return /iPhone|Android/.test(device);
}

function firstMatch(text: string, candidates: readonly [string, RegExp][]): string | undefined {
  return candidates.find(([, pattern]) => pattern.test(text))?.[0];
}
