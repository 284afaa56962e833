/** What a push or an adoption has to say of files, on stderr: at most a screenful, and all of it with --json. */
import type { FileNote } from '../origin/index.ts'
import { printWarning } from './print.ts'

const notesShown = 20

export function warnOfFiles(notes: readonly FileNote[], where = ''): void {
  for (const { message } of notes.slice(0, notesShown)) printWarning(`${where}${message}`)
  const more = notes.length - notesShown
  if (more > 0) printWarning(`${where}${more} more of these; --json has all.`)
}
