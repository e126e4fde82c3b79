/** What a User-Agent says of browser and system, as far as it can be told; '' for what cannot. */
export interface Device {
  browser: string;
  system: string;
  phone: boolean;
}

// The first that fits: each browser also names those that it descends from.
const BROWSERS: [RegExp, string][] = [
  [/\bEdg(e|A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(Firefox|FxiOS)\//, 'Firefox'],
  [/\b(Chrome|CriOS|Chromium)\//, 'Chrome'],
  [/\bVersion\/\S+ .*Safari\//, 'Safari'],
  [/\bThunderbird\//, 'Thunderbird'],
  [/^curl\//, 'curl'],
  [/python/i, 'Python'],
];
const SYSTEMS: [RegExp, string][] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

export function deviceOf(agent: string): Device {
  const named = (list: [RegExp, string][]) =>
    list.find(([pattern]) => pattern.test(agent))?.[1] ?? '';
  return {
    browser: named(BROWSERS),
    system: named(SYSTEMS),
    phone: /\bMobile\b|\biPhone\b|\bAndroid\b/.test(agent),
  };
}
