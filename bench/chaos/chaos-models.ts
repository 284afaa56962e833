/** The models of a run, each with the answers of all its revisions: a tag that moves makes another answer right. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildMlp, writeModel } from '../../demo/index.ts'
import { systemClock } from '../../node/system/index.ts'
import { loadPublisherKey, openOrigin, push } from '../../origin/index.ts'
import { type CheckedModel, checkedModel } from '../lab/checked-model.ts'

const modelCount = 4
const modelBytes = 1_000_000

export class ChaosModels {
  readonly names = Array.from({ length: modelCount }, (_, at) => `chaos/m${at}`)
  readonly originPath: string
  private readonly folder: string
  /** By name, the newest last. All revisions take the same input. */
  private readonly byName = new Map<string, CheckedModel[]>()
  /** Digests of manifests, by name. */
  private readonly digests = new Map<string, string[]>()
  private pushed = 0

  constructor(folder: string) {
    this.folder = folder
    this.originPath = join(folder, 'origin')
  }

  async pushAll(): Promise<void> {
    await mkdir(this.originPath)
    for (const name of this.names) await this.pushRevision(name)
  }

  /** Other weights under the same tag. From the moment at which the push begins either answer is right. */
  async pushRevision(name: string): Promise<void> {
    this.pushed += 1
    const source = join(this.folder, 'models', String(this.pushed))
    const pieces = buildMlp(modelBytes).pieces()
    const { files } = await writeModel([{ path: 'model.onnx', pieces }], source, { seed: this.pushed })
    const revisions = this.byName.get(name) ?? []
    this.byName.set(name, revisions)
    revisions.push(await checkedModel(name, files[0]!))
    const origin = openOrigin(pathToFileURL(this.originPath).href, { clock: systemClock })
    const publisherKey = await loadPublisherKey(join(this.folder, 'publisher.key'))
    const { digest } = await push({ source, name, origin, publisherKey })
    this.digests.set(name, [...(this.digests.get(name) ?? []), digest])
    await rm(source, { recursive: true })
  }

  revisions(name: string): readonly CheckedModel[] {
    return this.byName.get(name)!
  }

  digestsOf(name: string): readonly string[] {
    return this.digests.get(name) ?? []
  }
}
