/**
 * An opener for tests, run inside worker processes: `<folder>/<digest>.ort`, read into private memory. What is held is seen
 * from outside by the open file; a worker writes none. Where `<digest>.crash` lies, opening kills the process.
 */
import { closeSync, existsSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HoldfastError } from '../../../common/errors.ts'
import type { OpenWeights } from '../../../node/runtime/index.ts'

export function createOpenWeights(folder: string): OpenWeights {
  return {
    async open(digest) {
      if (existsSync(join(folder, `${digest}.crash`))) process.kill(process.pid, 'SIGKILL')
      const path = join(folder, `${digest}.ort`)
      const bytes = await readFile(path).catch((cause) => {
        throw new HoldfastError('UNKNOWN_MODEL', `no model ${digest}`, { cause })
      })
      const held = openSync(path, 'r')
      return { bytes, close: () => closeSync(held) }
    },
  }
}
