/** Maps derived models from the store of this machine: one copy in memory, however many processes run it. */

import { HoldfastError } from '../../common/index.ts'
import type { NativeClient, OpenFile, OpenModel } from '../../native/index.ts'
import type { OpenWeights } from './open-weights.ts'

export async function createOpenWeights(socketPath: string): Promise<OpenWeights> {
  const { connectStore } = await import('../../native/index.ts')
  let client: NativeClient | null = null
  // The connection lives as long as the process: its end would end all leases.
  const connection = async (): Promise<NativeClient> => {
    if (client === null || !client.connected) client = await connectStore(socketPath)
    return client
  }
  return {
    async open(digest) {
      const model = await (await connection()).open(`sha256:${digest}`)
      try {
        return { bytes: runnable(digest, model).bytes, close: () => model.close() }
      } catch (error) {
        model.close()
        throw error
      }
    },
  }
}

/** A derived model is one file; should it ever come with others, the one in ORT format. */
function runnable(digest: string, model: OpenModel): OpenFile {
  const candidates = model.files.length === 1 ? model.files : model.files.filter(({ path }) => path.endsWith('.ort'))
  if (candidates.length === 1) return candidates[0]!
  const message = `model ${digest} has ${candidates.length} files in ORT format among ${model.files.length}; exactly one can be run`
  throw new HoldfastError('NOT_RUNNABLE', message)
}
