/**
 * The files of a report, whole or not at all: each is written under another name and then renamed. Ctrl-C waits for it, which takes
 * milliseconds; before and after it the process ends at once, as any other.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileFailure } from '../../origin/index.ts'

const interrupts = ['SIGINT', 'SIGTERM'] as const

/** @param files texts by their path within the directory, which is made. */
export function writeReport(directory: string, files: Readonly<Record<string, string>>): void {
  let interrupt: NodeJS.Signals | null = null
  const hold = (signal: NodeJS.Signals): void => {
    interrupt = signal
  }
  for (const signal of interrupts) process.on(signal, hold)
  const partialOf = (name: string) => join(directory, `${name}.${process.pid}.partial`)
  const partials: string[] = []
  try {
    for (const [name, text] of Object.entries(files)) {
      const partial = partialOf(name)
      mkdirSync(dirname(partial), { recursive: true })
      partials.push(partial)
      writeFileSync(partial, text)
    }
    for (const name of Object.keys(files)) renameSync(partialOf(name), join(directory, name))
  } catch (error) {
    for (const partial of partials) rmSync(partial, { force: true })
    throw fileFailure(error, directory, 'written')
  }
  // Signals that came meanwhile are delivered when this turn of the event loop is over.
  setImmediate(() => {
    for (const signal of interrupts) process.off(signal, hold)
    if (interrupt !== null) process.kill(process.pid, interrupt)
  })
}

/** A name of a scenario as a folder: letters, digits, dots and dashes. */
export function folderName(name: string): string {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|-+$/g, '') || 'scenario'
}
