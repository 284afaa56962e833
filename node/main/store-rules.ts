/** Rules of the store's socket at the start, and what the file of store.accessFile adds to them. */
import type { AccessRule } from '../../native/index.ts'
import { readStoreAccess } from '../doors/store-socket/index.ts'
import { type FileRule, keptTenants, storeRules } from '../tenants/index.ts'
import type { Base } from './base.ts'

/** For a store that opens before there is a cluster. */
export async function firstStoreRules(base: Base, file: readonly FileRule[] | null): Promise<AccessRule[]> {
  const { state, options } = base
  return storeRules(await keptTenants(state), file, { hasPublic: options['tenants.public'] })
}

/** Null without a file. */
export function fileRules({ options }: Base): Promise<FileRule[] | null> {
  const path = options['store.accessFile']
  return path === '' ? Promise.resolve(null) : readStoreAccess(path)
}
