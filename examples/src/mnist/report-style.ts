/** The style sheet of the report. Colours follow the reader's choice of light or dark. */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1c1e21; --soft: #5d6470; --rule: #dcdfe4; --panel: #f6f7f9;
  --train: #2f6fde; --test: #c2410c; --right: 22 140 90; --wrong: 205 50 50;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15171b; --text: #e6e8ec; --soft: #9aa2ae; --rule: #343a43; --panel: #1d2026;
    --train: #7fb0ff; --test: #ff9d5c; --right: 40 170 110; --wrong: 225 75 75;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem;
  background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .25rem 0; }
.soft, figcaption { color: var(--soft); }
.headline { font-size: 2.4rem; font-weight: 650; line-height: 1.1; margin: 1rem 0 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
figure { margin: 0; }
.chart { background: var(--panel); border-radius: .5rem; padding: .75rem; }
.legend { font-size: .85rem; color: var(--soft); }
.legend span { margin-right: 1rem; white-space: nowrap; }
.legend i { display: inline-block; width: 1.1em; height: .2em; margin-right: .4em; vertical-align: middle; }
.legend .train { background: var(--train); }
.legend .test { background: var(--test); }
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .value { fill: var(--test); font-weight: 600; }
svg .grid, svg .mark { stroke: var(--rule); stroke-width: 1; }
svg .mark { stroke-dasharray: 3 3; }
svg .axis { stroke: var(--soft); stroke-width: 1; }
svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg polyline.train { stroke: var(--train); }
svg polyline.test { stroke: var(--test); }
svg circle.test { fill: var(--test); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.matrix { font-size: .8rem; text-align: center; }
.matrix td, .matrix th { padding: .3em .2em; min-width: 2.1em; border: 1px solid var(--ground); }
.matrix tbody th { min-width: 1.8em; }
.matrix td.right { background: rgb(var(--right) / var(--heat)); }
.matrix td.wrong { background: rgb(var(--wrong) / var(--heat)); }
.matrix td.none { color: var(--soft); opacity: .6; }
.plain th { text-align: left; font-weight: 500; color: var(--soft); padding: .2em 1.5em .2em 0; vertical-align: top; }
.plain td { padding: .2em 1.5em .2em 0; overflow-wrap: anywhere; }
.classes th, .classes td { text-align: right; padding: .2em .9em; border-bottom: 1px solid var(--rule); }
.classes th { font-weight: 500; color: var(--soft); }
.mistakes { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); gap: 1rem .75rem; }
.mistakes img { width: 100%; height: auto; aspect-ratio: 1; image-rendering: pixelated; border-radius: .25rem; display: block; }
.mistakes figcaption { font-size: .85rem; line-height: 1.35; margin-top: .3rem; }
.mistakes b { color: var(--text); }
`;
