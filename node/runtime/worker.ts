/**
 * A worker process: runs models, so that a crash of the runtime takes no daemon down. Started by WorkerProcess; ends with its
 * parent, however the parent ended, as the channel between them closes.
 */
import { isHoldfastError } from '../../common/index.ts'
import { confineChild } from './confined-child.ts'
import type { OpenWeightsModule } from './open-weights.ts'
import type { Envelope, RemoteError, SentRequest, WorkerMessage, WorkerSettings } from './protocol.ts'
import { Sessions } from './sessions.ts'
import { sendAhead, type TensorPart, TensorParts } from './tensor-parts.ts'

const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings
process.on('disconnect', () => process.exit(0))

const { confinement, limitMemory } = await confineChild({ isWanted: settings.isConfined, localSockets: true })
const opener = (await import(settings.weightsModule)) as OpenWeightsModule
const sessions = new Sessions(await opener.createOpenWeights(settings.weightsSource), { ...settings, limitMemory })
const parts = new TensorParts()
process.on('message', (message: Envelope | TensorPart) => {
  if (message.kind === 'part') parts.take(message)
  else void handle(message)
})
await send({ kind: 'ready', confinement })

async function handle({ id, request }: Envelope): Promise<void> {
  try {
    await answer(id, request)
  } catch (error) {
    await send({ kind: 'error', id, error: remoteError(error) })
  }
}

async function answer(id: number, request: SentRequest): Promise<void> {
  switch (request.kind) {
    case 'load':
      return send({ kind: 'answer', id, value: await sessions.load(request.digest) })
    case 'unload':
      await sessions.unload(request.digest)
      return send({ kind: 'answer', id, value: null })
    case 'infer': {
      const outputs = await sessions.infer(request.digest, parts.join(id, request.inputs), request.outputs)
      return send({ kind: 'tensors', id, tensors: await sendAhead(id, outputs, send) })
    }
  }
}

function remoteError(error: unknown): RemoteError {
  const message = error instanceof Error ? error.message : String(error)
  return { code: isHoldfastError(error) ? error.code : 'INFERENCE_FAILED', message }
}

/** Resolves when it is written. A parent that is gone needs no answer, and 'disconnect' ends this process. */
function send(message: WorkerMessage): Promise<void> {
  if (!process.connected) return Promise.resolve()
  return new Promise((resolve) => process.send!(message, () => resolve()))
}
