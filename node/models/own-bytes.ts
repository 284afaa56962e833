/**
 * Whether a model has its bytes by its own right. A manifest may name any chunk, so one that lists the chunks of somebody else's model would
 * be given them by a node that has that one: from its disk, without a word of the origin. Where rules or private namespaces say which
 * models a client may open, chunks that a model has in common with others here are read from the origin once, at the places that the origin has for this very model.
 */
import { HoldfastError, isErrorCode, isHoldfastError, type ModelId } from '../../common/index.ts'
import { baseOf } from '../../origin/index.ts'
import type { StateStore } from '../ports/index.ts'
import type { ChunkOrigin } from '../transfer/index.ts'
import type { BorrowedChunk, HeldSpec, ModelTable } from './model-table.ts'

export interface OwnBytesPorts {
  readonly table: Pick<ModelTable, 'borrowedChunks'>
  /** Null: the node has none, and nothing can be proven. */
  readonly origin: ChunkOrigin | null
  readonly state: StateStore
}

/** Records kept; the oldest goes for a new one, and its model is proven again. */
const provenMax = 4096
const keyPrefix = 'own-bytes/'

export class OwnBytes {
  private readonly ports: OwnBytesPorts
  private proven: Promise<Set<ModelId>> | null = null
  private readonly proving = new Map<ModelId, Promise<void>>()

  constructor(ports: OwnBytesPorts) {
    this.ports = ports
  }

  /** Before and after the model is brought. NO_SOURCE, as if its bytes were nowhere, when the origin has other bytes at its places, or none. */
  check(spec: HeldSpec): Promise<void> {
    const running = this.proving.get(spec.model)
    if (running !== undefined) return running
    const proving = this.prove(spec).finally(() => this.proving.delete(spec.model))
    this.proving.set(spec.model, proving)
    return proving
  }

  /** It was brought while nobody else here had any of it, or the origin has proven it: what others take from it later changes nothing. */
  async note({ model }: HeldSpec): Promise<void> {
    const { state } = this.ports
    const proven = await this.known()
    if (proven.has(model)) return
    proven.add(model)
    await state.put(keyPrefix + model, true)
    for (const oldest of proven) {
      if (proven.size <= provenMax) break
      proven.delete(oldest)
      await state.delete(keyPrefix + oldest)
    }
  }

  private async prove(spec: HeldSpec): Promise<void> {
    if ((await this.known()).has(spec.model)) return
    for (const chunk of this.ports.table.borrowedChunks(spec)) {
      if (!(await this.isOwn(baseOf(spec.model, spec.manifest), chunk))) {
        throw new HoldfastError('NO_SOURCE', `No peer and no origin could deliver the bytes of model ${spec.model}.`)
      }
    }
  }

  private async isOwn(model: ModelId, { file, offsetBytes, sizeBytes, sha256 }: BorrowedChunk): Promise<boolean> {
    const { origin } = this.ports
    if (origin === null) return false
    try {
      const bytes = await origin.readRange({ model, file, offsetBytes, sizeBytes })
      const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
      return Buffer.from(digest).toString('hex') === sha256
    } catch (error) {
      // An origin that is away has not said anything yet.
      if (isHoldfastError(error, 'ORIGIN_UNAVAILABLE')) throw error
      if (isErrorCode((error as { code?: string }).code ?? '')) return false
      throw error
    }
  }

  private known(): Promise<Set<ModelId>> {
    this.proven ??= this.read()
    return this.proven
  }

  private async read(): Promise<Set<ModelId>> {
    const proven = new Set<ModelId>()
    for await (const [key] of this.ports.state.entries(keyPrefix)) proven.add(key.slice(keyPrefix.length))
    return proven
  }
}
