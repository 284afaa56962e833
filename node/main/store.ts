/** The native store of this node. It answers clients from the moment it is open, before the other parts are there. */
import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { createStore, type Store } from '../../native/index.ts'
import { OpenBacklog } from '../doors/store-socket/index.ts'
import type { FileRule } from '../tenants/index.ts'
import type { Base } from './base.ts'
import type { Parts } from './part.ts'
import { fileRules, firstStoreRules } from './store-rules.ts'

/** Leases of clients, the runtime's included, with the digest of what they lease: a model, or a derived blob. */
export type LeaseEvents = EventEmitter<{ opened: [digest: string]; closed: [digest: string] }>

export interface OpenStore {
  readonly store: Store
  /** By which the workers of the runtime open derived models, which no rule names. */
  readonly token: string
  readonly leases: LeaseEvents
  readonly opens: OpenBacklog
  /** Content of store.accessFile at the start; null without a file. */
  readonly firstFileRules: readonly FileRule[] | null
}

export async function openStore(base: Base, parts: Parts): Promise<OpenStore> {
  const { options, paths } = base
  const token = randomBytes(32).toString('base64url')
  const leases: LeaseEvents = new EventEmitter()
  const opens = new OpenBacklog()
  const firstFileRules = await fileRules(base)
  const store = createStore(
    {
      socketPath: paths.socketPath,
      memoryLimitBytes: options['memory.limitBytes'],
      ...(options['memory.export'] === '' ? {} : { exportPath: options['memory.export'] }),
      largePages: options['memory.largePages'] === 'auto',
      diskPath: paths.diskPath,
      diskLimitBytes: options['disk.limitBytes'],
      connectionsMax: options['store.connectionsMax'],
      connectionsPerProcessMax: options['store.connectionsPerProcessMax'],
      connectionsPerUserMax: options['store.connectionsPerUserMax'],
      greetingTimeoutMs: options['store.greetingTimeoutMs'],
      leasesPerConnectionMax: options['store.leasesPerConnectionMax'],
      defaultNamespace: options['models.defaultNamespace'],
      ownTokenDigest: createHash('sha256').update(token).digest('hex'),
      accessRules: await firstStoreRules(base, firstFileRules),
    },
    {
      onOpenMiss: (miss) => opens.push(miss),
      onLease: ({ kind, digest }) => leases.emit(kind, digest),
    },
  )
  await parts.start([{ name: 'store', stop: () => store.close() }])
  return { store, token, leases, opens, firstFileRules }
}
