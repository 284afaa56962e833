/** Colours of a scale, from dark violet (low) over green to yellow (high): told apart in grey and by colour-blind eyes (viridis). */
import { lab, rgb } from 'd3-color'
import { interpolateViridis } from 'd3-scale-chromatic'

const gradientStops = 9
/** In CIE L*: above this, black letters are read better than white ones. */
const lightFrom = 58

/** `share` from 0 to 1; what is no number has the colour of 0. */
export function scaleColor(share: number): string {
  return rgb(interpolateViridis(Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0)).formatHex()
}

/** Black or white, whichever is read better on the colour. */
export function inkOn(share: number): string {
  return lab(scaleColor(share)).l > lightFrom ? '#000' : '#fff'
}

export function scaleGradient(id: string): string {
  const marks = Array.from({ length: gradientStops }, (_, index) => {
    const share = index / (gradientStops - 1)
    return `<stop offset="${share}" stop-color="${scaleColor(share)}"/>`
  })
  return `<linearGradient id="${id}">${marks.join('')}</linearGradient>`
}
