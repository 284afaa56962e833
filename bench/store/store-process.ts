/**
 * The native store in a process of its own, as a node has it, with models that come from local files. An open of a model that is on
 * disk alone is answered while it is read into memory, as a node answers it. Started by BenchStore; ends with it.
 */
import { createHash } from 'node:crypto'
import { type BlobId, isHoldfastError } from '../../common/index.ts'
import { createStore, type OpenMiss, type StoreOptions } from '../../native/index.ts'

export type StoreRequest =
  /** Takes the file over, which is gone then. Leaves the model on disk alone. */
  | { readonly kind: 'add'; readonly name: string; readonly path: string; readonly file: string }
  /** Out of memory, as soon as no lease maps it; out of the disk tier too when asked. */
  | { readonly kind: 'drop'; readonly name: string; readonly disk: boolean }
  | { readonly kind: 'leases' }

export type StoreAnswer =
  | { readonly id: number; readonly value: string | number }
  | { readonly id: number; readonly error: string }

interface BenchModel {
  readonly digest: string
  readonly blob: BlobId
  /** A client has all bytes a moment before the segment is complete: until then it could not be dropped. */
  promoted: Promise<void>
}

const models = new Map<string, BenchModel>()
let leaseCount = 0
let onLeaseClosed = () => {}

const store = createStore(JSON.parse(process.argv[2] ?? '') as StoreOptions, {
  onLease: ({ kind }) => {
    leaseCount += kind === 'opened' ? 1 : -1
    onLeaseClosed()
  },
  onOpenMiss: (miss) => void answer(miss),
})
process.on('disconnect', () => process.exit(0))
process.on('message', ({ id, request }: { id: number; request: StoreRequest }) => {
  handle(request).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.message : String(error) }),
  )
})
process.send?.({ id: -1, value: 0 })

async function answer({ requestId, name }: OpenMiss): Promise<void> {
  const model = models.get(name)
  if (model === undefined) return store.refuseOpen(requestId, 'UNKNOWN_MODEL', `the bench has no ${name}`)
  model.promoted = store.promote(model.blob)
  if (tryAnswer(requestId, model.digest)) return await model.promoted
  await model.promoted
  store.answerOpen(requestId, model.digest)
}

function tryAnswer(requestId: number, digest: string): boolean {
  try {
    store.answerOpen(requestId, digest)
    return true
  } catch (error) {
    if (isHoldfastError(error, 'UNKNOWN_MODEL')) return false
    throw error
  }
}

async function handle(request: StoreRequest): Promise<string | number> {
  if (request.kind === 'leases') return leaseCount
  if (request.kind === 'add') {
    const { id, sizeBytes } = await store.importFile(request.path, 8 * 2 ** 20)
    const digest = createHash('sha256').update(request.name).digest('hex')
    store.publish({ digest, files: [{ path: request.file, id, sha256: id, sizeBytes }] }, [request.name])
    models.set(request.name, { digest, blob: id, promoted: Promise.resolve() })
    return store.diskPathOf(id)!
  }
  const { blob, digest, promoted } = models.get(request.name)!
  await promoted
  while (store.blob(blob)?.isIn.memory === true && !store.dropMemory(blob)) {
    await new Promise<void>((resolve) => {
      onLeaseClosed = resolve
    })
  }
  if (request.disk) {
    store.unpublish(digest)
    models.delete(request.name)
    await store.dropDisk(blob)
  }
  return 0
}
