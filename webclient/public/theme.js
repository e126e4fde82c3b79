// Runs before the first paint. Only the theme and density are kept in localStorage; nothing of mail is.
(function () {
  var root = document.documentElement;
  var theme = 'system';
  try {
    theme = localStorage.getItem('theme') || 'system';
    root.dataset.density = localStorage.getItem('density') || 'normal';
  } catch {
    // Storage may be forbidden; the defaults do.
  }
  var system = matchMedia('(prefers-color-scheme: dark)');
  function show() {
    root.dataset.theme =
      theme === 'dark' || (theme === 'system' && system.matches) ? 'dark' : 'light';
  }
  show();
  // Until somebody is signed in, whose choice the page knows (theme/theme.ts).
  system.addEventListener('change', function () {
    if (location.pathname === '/sign-in' || location.pathname === '/register') show();
  });
})();
