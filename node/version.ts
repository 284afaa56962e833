/** The version of the package, for people and for /v2. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const version: string = readVersion()

function readVersion(): string {
  // Sources lie one level below package.json, built files two (dist/node).
  for (const up of ['..', join('..', '..')]) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(import.meta.dirname, up, 'package.json'), 'utf8'))
      if (name === 'holdfast') return version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  throw new Error('package.json of holdfast is not where it should be')
}
