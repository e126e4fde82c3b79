// Runs before the first paint. Only the theme and density are kept in localStorage; nothing of mail is.
(function () {
  var root = document.documentElement;
  var system = matchMedia('(prefers-color-scheme: dark)');
  function show() {
    var theme = 'system';
    try {
      theme = localStorage.getItem('theme') || 'system';
      root.dataset.density = localStorage.getItem('density') || 'normal';
    } catch {
      // Storage may be forbidden; the defaults do.
    }
    var dark = theme === 'dark' || (theme === 'system' && system.matches);
    root.dataset.theme = dark ? 'dark' : 'light';
  }
  show();
  system.addEventListener('change', show);
})();
