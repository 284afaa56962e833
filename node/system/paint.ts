/** Colour for people: on a terminal only. NO_COLOR takes it away, FORCE_COLOR asks for it anywhere. */
import { styleText } from 'node:util'

export type Paint = Parameters<typeof styleText>[0]

export function paint(text: string, style: Paint, stream: object): string {
  return styleText(style, text, { stream: stream as NodeJS.WritableStream })
}
