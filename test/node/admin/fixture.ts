/** A world for the admin parts: a directory and a cache that do what they are told. */

import { HoldfastError } from '../../../common/errors.ts'
import type { LocalTier } from '../../../common/index.ts'
import type { ModelId, Source } from '../../../common/types.ts'
import type { AdminCache, AdminDirectory } from '../../../node/admin/ports.ts'
import type { ResolvedModel } from '../../../node/models/model-directory.ts'
import { formatModelName, type ModelName, type Ref } from '../../../origin/index.ts'

export const digestOf = (letter: string): ModelId => letter.repeat(64)

export class FakeDirectory implements AdminDirectory {
  /** Name -> digest. */
  readonly tags = new Map<string, ModelId>()
  readonly sequences = new Map<string, number>()
  readonly received: string[] = []
  unconfirmed: { code: string; message: string } | null = null

  async resolve(name: ModelName): Promise<ResolvedModel> {
    const { ref } = await this.refresh(name)
    return { digest: ref.manifest, manifest: manifest(), ref, ageMs: 0 }
  }

  async resolveDigest(digest: ModelId): Promise<ResolvedModel> {
    return { digest, manifest: manifest(), ref: null, ageMs: 0 }
  }

  knownRef(name: ModelName): Ref | null {
    const digest = this.tags.get(formatModelName(name))
    return digest === undefined ? null : refOf(name, digest, this.sequences.get(formatModelName(name)) ?? 1)
  }

  async refresh(name: ModelName): Promise<{ ref: Ref; unconfirmed: { code: string; message: string } | null }> {
    const ref = this.knownRef(name)
    if (ref === null) throw new HoldfastError('UNKNOWN_MODEL', `nobody knows ${formatModelName(name)}.`)
    return { ref, unconfirmed: this.unconfirmed }
  }

  async receiveRef(node: string, name: ModelName): Promise<void> {
    this.received.push(`${node} ${formatModelName(name)}`)
  }
}

export class FakeCache implements AdminCache {
  readonly held = new Map<ModelId, LocalTier>()
  readonly brought: string[] = []
  /** What the next bring waits for, or fails with. */
  gate: Promise<void> = Promise.resolve()

  isHeld(model: ModelId, tier: LocalTier): boolean {
    const at = this.held.get(model)
    return at === tier || (at === 'memory' && tier === 'disk')
  }

  occupies(model: ModelId, tier: LocalTier): boolean {
    return this.isHeld(model, tier)
  }

  async bring({ digest }: ResolvedModel, tier: LocalTier): Promise<Source> {
    this.brought.push(`${digest.slice(0, 1)} ${tier}`)
    await this.gate
    this.held.set(digest, tier)
    return 'origin'
  }

  isInUse(): boolean {
    return false
  }

  async leave(model: ModelId): Promise<boolean> {
    return this.held.delete(model)
  }
}

/** Promises that are settled already have done their work when this resolves. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

function manifest() {
  return { schema: 'holdfast.manifest.v1', files: [], annotations: {} } as unknown as ResolvedModel['manifest']
}

function refOf({ namespace, name, tag }: ModelName, digest: ModelId, sequence: number): Ref {
  return {
    schema: 'holdfast.ref.v1',
    namespace,
    name,
    tag,
    manifest: digest,
    sequence,
    publicKey: '',
    signature: '',
  } as unknown as Ref
}
