/**
 * An opener for tests, run inside worker processes: `<folder>/<digest>.ort`, read into private memory. What is held is seen
 * from outside by files `<digest>.<pid>.open`. Where `<digest>.crash` lies, opening kills the process.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HoldfastError } from '../../../common/errors.ts'
import type { OpenWeights } from '../../../node/runtime/index.ts'

export function createOpenWeights(folder: string): OpenWeights {
  return {
    async open(digest) {
      if (existsSync(join(folder, `${digest}.crash`))) process.kill(process.pid, 'SIGKILL')
      const bytes = await readFile(join(folder, `${digest}.ort`)).catch((cause) => {
        throw new HoldfastError('UNKNOWN_MODEL', `no model ${digest}`, { cause })
      })
      const marker = join(folder, `${digest}.${process.pid}.open`)
      writeFileSync(marker, '')
      return { bytes, close: () => rmSync(marker) }
    },
  }
}
