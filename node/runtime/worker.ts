/**
 * A worker process: runs models, so that a crash of the runtime takes no daemon down. Started by WorkerProcess; ends with its
 * parent, however the parent ended, as the channel between them closes.
 */
import { isHoldfastError } from '../../common/index.ts'
import type { OpenWeightsModule } from './open-weights.ts'
import type { Envelope, RemoteError, WorkerAnswers, WorkerMessage, WorkerSettings } from './protocol.ts'
import { Sessions } from './sessions.ts'

const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings
process.on('disconnect', () => process.exit(0))

const opener = (await import(settings.weightsModule)) as OpenWeightsModule
const sessions = new Sessions(await opener.createOpenWeights(settings.weightsSource), settings)
process.on('message', (envelope: Envelope) => void handle(envelope))
send({ kind: 'ready' })

async function handle({ id, request }: Envelope): Promise<void> {
  try {
    send({ kind: 'answer', id, value: await answer(request) })
  } catch (error) {
    send({ kind: 'error', id, error: remoteError(error) })
  }
}

async function answer(request: Envelope['request']): Promise<WorkerAnswers[keyof WorkerAnswers]> {
  switch (request.kind) {
    case 'load':
      return sessions.load(request.digest)
    case 'unload':
      await sessions.unload(request.digest)
      return null
    case 'infer':
      return sessions.infer(request.digest, request.inputs, request.outputs)
  }
}

function remoteError(error: unknown): RemoteError {
  const message = error instanceof Error ? error.message : String(error)
  return { code: isHoldfastError(error) ? error.code : 'INFERENCE_FAILED', message }
}

function send(message: WorkerMessage): void {
  // A parent that is gone needs no answer, and 'disconnect' ends this process.
  if (process.connected) process.send?.(message, () => {})
}
