/**
 * The page that every report of the simulator is: one file, no script, nothing fetched; light or dark as the reader's system,
 * two columns of plots on a wide screen and one on a phone.
 */
import { escapeText } from './svg.ts'

export interface Page {
  readonly title: string
  /** One sentence under the title. */
  readonly subtitle: string
  /** HTML, in order. */
  readonly parts: readonly string[]
}

const style = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--page:#fff;--card:#f5f7f9;--line:#d8dee4;--sea:#eef3f7;--land:#d9dfd3;--coast:#aab5a2;--bad:#b42318;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b5568f;--c4:#b98900;--c5:#56b4e9;--c6:#6f4fa3;--c7:#7a7f85}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#a3abb4;--page:#14171a;--card:#1e2226;--line:#353b42;--sea:#1a2128;--land:#333a34;--coast:#59645a;--bad:#ff8a7a;
--c0:#4ba3e3;--c1:#f28c4b;--c2:#35c49a;--c3:#dd8dc0;--c4:#e0b43c;--c5:#8fd0f7;--c6:#a88fe0;--c7:#9aa1a9}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;max-width:1120px;margin:0 auto;padding:1.2rem 1rem 4rem;color:var(--ink);background:var(--page)}
h1{font-size:1.55rem;line-height:1.25;margin:.4rem 0 .2rem}h2{font-size:1.12rem;margin:2.2rem 0 .5rem}p{margin:.3rem 0;max-width:50rem}
.soft{color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:.6rem;margin:1.1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem}
.card b{display:block;font-size:1.35rem;line-height:1.3;font-variant-numeric:tabular-nums}.card span{color:var(--soft);font-size:.86rem}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,430px),1fr));gap:1rem;align-items:start}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.5rem}
svg{display:block;width:100%;height:auto;font:12.5px system-ui,-apple-system,"Segoe UI",sans-serif}
svg text{fill:var(--ink)}svg .title{font-weight:600;font-size:14px}svg .axis-title{fill:var(--soft)}
.grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}
.line{fill:none;stroke-width:2;stroke-linejoin:round}.whisker{stroke:var(--ink);stroke-width:1.5;fill:none}
.mark path{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3;fill:none}.mark .flag{fill:var(--bad);stroke:none}svg .mark-label{font-size:9.5px;fill:var(--soft);stroke:var(--card);stroke-width:3;paint-order:stroke}.band{fill-opacity:.18;stroke:none}
.sea{fill:var(--sea)}.land{fill:var(--land);stroke:var(--coast);stroke-width:.8;stroke-linejoin:round}.graticule{stroke:var(--ink);stroke-opacity:.12;stroke-width:.7;fill:none}
.site{stroke:var(--ink);stroke-width:1;fill-opacity:.88}.origin{fill:#d55e00;stroke:var(--page);stroke-width:1.5}
svg.key{display:inline-block;height:24px;vertical-align:middle}.keys{margin:.3rem .3rem 0;font-size:.86rem;max-width:none}.keys span{white-space:nowrap;margin-right:1.4rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.22rem .8rem .22rem 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
td:first-child,th:first-child{text-align:left}th{color:var(--soft);font-weight:600}
pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.7rem;overflow-x:auto;font-size:.84rem}
.finding{color:var(--bad);font-weight:600}details{margin:.6rem 0}summary{cursor:pointer;color:var(--soft)}
@media(max-width:600px){svg{font-size:14px}svg .title{font-size:16px}td,th{padding-right:.6rem}.cards{grid-template-columns:1fr 1fr}}
`

export function page({ title, subtitle, parts }: Page): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeText(title)}</title>
<style>${style}</style></head><body>
<h1>${escapeText(title)}</h1><p class="soft">${escapeText(subtitle)}</p>
${parts.join('\n')}
</body></html>
`
}

export function heading(text: string): string {
  return `<h2>${escapeText(text)}</h2>`
}

export function paragraph(text: string): string {
  return `<p>${escapeText(text)}</p>`
}

export function plots(drawings: readonly string[]): string {
  return `<div class="plots">${drawings.map((drawing) => `<figure>${drawing}</figure>`).join('\n')}</div>`
}

export function wide(drawing: string): string {
  return `<figure>${drawing}</figure>`
}

export function cards(figures: readonly (readonly [value: string, name: string])[]): string {
  const card = ([value, name]: readonly [string, string]) =>
    `<div class="card"><b>${escapeText(value)}</b><span>${escapeText(name)}</span></div>`
  return `<div class="cards">${figures.map(card).join('')}</div>`
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (tag: string, texts: readonly string[]) =>
    `<tr>${texts.map((text) => `<${tag}>${escapeText(text)}</${tag}>`).join('')}</tr>`
  return `<div class="scroll"><table>${row('th', head)}${rows.map((texts) => row('td', texts)).join('')}</table></div>`
}

export function code(text: string): string {
  return `<pre>${escapeText(text)}</pre>`
}

export function folded(summary: string, content: string): string {
  return `<details><summary>${escapeText(summary)}</summary>${content}</details>`
}
