/** Pieces of SVG and HTML text. Every text from outside passes `escapeText`; numbers are written short. */
import { symbol, symbolsFill } from 'd3-shape'

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** A coordinate: a tenth of a unit is finer than any screen shows. */
export function at(value: number): string {
  return String(Math.round(value * 10) / 10)
}

export interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly className?: string
}

export function label(x: number, y: number, text: string, { anchor = 'start', className }: TextOptions = {}): string {
  const anchored = anchor === 'start' ? '' : ` text-anchor="${anchor}"`
  const classed = className === undefined ? '' : ` class="${className}"`
  return `<text x="${at(x)}" y="${at(y)}"${anchored}${classed}>${escapeText(text)}</text>`
}

/** What a pointer that rests on the mark is shown, and what a screen reader says. */
export function tooltip(text: string): string {
  return `<title>${escapeText(text)}</title>`
}

/** The colours of the page's style; a drawing names them by number, so that light and dark are the page's affair. */
export function color(index: number): string {
  return `var(--c${index % colorCount})`
}

export const colorCount = 8

const symbolArea = 42

/** A mark at a point. Lines past the eighth have the colours of the first eight, and other marks. */
export function markPath(x: number, y: number, index: number): string {
  const type = symbolsFill[(index + Math.floor(index / colorCount)) % symbolsFill.length]!
  const path = symbol(type, symbolArea).digits(1)()
  return `<path transform="translate(${at(x)} ${at(y)})" d="${path}" fill="${color(index)}"/>`
}
