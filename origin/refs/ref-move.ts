/**
 * Moves a tag from what it meant when the push began to a new manifest, or finds that somebody else has moved it meanwhile
 * (REF_CONFLICT). A tag that already means the manifest stays as it is, with its sequence and signature.
 */
import type { KeyObject } from 'node:crypto'
import { HoldfastError, isHoldfastError, type ModelId } from '../../common/index.ts'
import type { ObjectStore, ObjectVersion, StoreAbortOptions } from '../stores/object-store.ts'
import type { ModelName, Ref } from '../types.ts'
import { formatModelName } from './model-name.ts'
import { encodeRef, parseRef, refBytesMax, refKey, removedKey, salvageSequence, signRef } from './ref.ts'
import { rememberRef } from './ref-history.ts'
import { refMovedMs } from './tags.ts'

interface RefState {
  readonly version: ObjectVersion | null
  /** null when there is none, or when it is malformed and a push shall repair it. */
  readonly ref: Ref | null
  readonly sequence: number
}

export class RefMove {
  private readonly store: ObjectStore
  private readonly name: ModelName
  private readonly start: RefState

  private constructor(store: ObjectStore, name: ModelName, start: RefState) {
    this.store = store
    this.name = name
    this.start = start
  }

  static async begin(store: ObjectStore, name: ModelName, options: StoreAbortOptions): Promise<RefMove> {
    return new RefMove(store, name, await readState(store, name, options))
  }

  /** Returns the ref that stands afterwards, and whether this call has written it. */
  async finish(
    manifest: ModelId,
    loadKey: () => Promise<KeyObject>,
    options: StoreAbortOptions,
  ): Promise<{ ref: Ref; moved: boolean }> {
    const now = await readState(this.store, this.name, options)
    if (now.ref?.manifest === manifest) return { ref: now.ref, moved: false }
    if (now.version !== this.start.version) throw this.conflict()
    const ref = signRef({ name: this.name, manifest, sequence: now.sequence + 1 }, await loadKey())
    await this.remember(now.ref, options)
    const condition = now.version === null ? { ifNoneMatch: '*' as const } : { ifMatch: now.version }
    if (await this.store.put(refKey(this.name), [encodeRef(ref)], { ...options, ...condition }))
      return { ref, moved: true }
    const winner = await readState(this.store, this.name, options)
    if (winner.ref?.manifest === manifest) return { ref: winner.ref, moved: false }
    throw this.conflict()
  }

  private async remember(ref: Ref | null, options: StoreAbortOptions): Promise<void> {
    const movedMs = ref && (await refMovedMs(this.store, this.name, options))
    if (ref && movedMs !== null) await rememberRef(this.store, this.name, { ref, movedMs }, options)
  }

  private conflict(): HoldfastError {
    const name = formatModelName(this.name)
    return new HoldfastError(
      'REF_CONFLICT',
      `Somebody else moved ${name} meanwhile. Do it again if the tag should still move.`,
      {
        details: { model: name },
      },
    )
  }
}

async function readState(store: ObjectStore, name: ModelName, options: StoreAbortOptions): Promise<RefState> {
  const found = await store.get(refKey(name), { ...options, sizeBytesMax: refBytesMax * 16 })
  if (!found) return { version: null, ref: null, sequence: await removedSequence(store, name, options) }
  try {
    const ref = parseRef(found.bytes, name)
    return { version: found.version, ref, sequence: ref.sequence }
  } catch (error) {
    if (!isHoldfastError(error, 'BAD_REF')) throw error
    return { version: found.version, ref: null, sequence: salvageSequence(found.bytes) }
  }
}

async function removedSequence(store: ObjectStore, name: ModelName, options: StoreAbortOptions): Promise<number> {
  const found = await store.get(removedKey(name), { ...options, sizeBytesMax: refBytesMax })
  return found ? salvageSequence(found.bytes) : 0
}
