/** What a push or an adoption has to say of files, on stderr: at most a screenful, and all of it with --json. */
import type { FileNote } from '../origin/index.ts'

const notesShown = 20

export function warnOfFiles(notes: readonly FileNote[], where = ''): void {
  for (const { message } of notes.slice(0, notesShown)) process.stderr.write(`warning: ${where}${printable(message)}\n`)
  const more = notes.length - notesShown
  if (more > 0) process.stderr.write(`warning: ${where}${more} more of these; --json has all.\n`)
}

/** Names come from anywhere: no control character of them reaches the terminal. */
const printable = (text: string): string => text.replace(/\p{C}/gu, '?')
