/**
 * The cluster keys that a node holds now: the current one, with which it speaks first, and others that it accepts besides, while
 * a cluster goes over from one key to the next. Replaced in place, so that listeners and diallers follow without a restart.
 *
 * A key file has one key per line, the current one first; empty lines and lines that start with `#` are skipped.
 */
import { inspect } from 'node:util'
import { HoldfastError } from '../../common/index.ts'
import { readSecretFile } from '../system/index.ts'
import { ClusterKey } from './cluster-key.ts'

/** A rotation needs two. Every further one is a key that somebody forgot to remove. */
export const clusterKeysMax = 4
/** More than this is some other file. */
const fileBytesMax = 4096

export class ClusterKeyring {
  #keys: readonly ClusterKey[]
  readonly #listeners = new Set<() => void>()

  constructor(keys: readonly ClusterKey[]) {
    this.#keys = checked(keys)
  }

  static of(keys: ClusterKey | ClusterKeyring): ClusterKeyring {
    return keys instanceof ClusterKeyring ? keys : new ClusterKeyring([keys])
  }

  get current(): ClusterKey {
    return this.#keys[0]!
  }

  /** The current one first. */
  get all(): readonly ClusterKey[] {
    return this.#keys
  }

  replace(keys: readonly ClusterKey[]): void {
    this.#keys = checked(keys)
    for (const listener of this.#listeners) listener()
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  [inspect.custom](): string {
    return `[${this.#keys.length} cluster keys]`
  }
}

/** BAD_CONFIG when the file cannot be read or a line of it is no key; the message repeats no key. */
export async function readClusterKeys(path: string): Promise<ClusterKey[]> {
  const text = await readSecretFile(path, { what: 'cluster key', option: 'cluster.keyFile', bytesMax: fileBytesMax })
  return [...checked(parseClusterKeys(text))]
}

export function parseClusterKeys(text: string): ClusterKey[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ClusterKey.parse(line))
}

function checked(keys: readonly ClusterKey[]): readonly ClusterKey[] {
  const distinct = [...new Map(keys.map((key) => [key.text(), key])).values()]
  if (distinct.length > 0 && distinct.length <= clusterKeysMax) return distinct
  throw new HoldfastError(
    'BAD_CONFIG',
    `${distinct.length} cluster keys are configured; there have to be 1 to ${clusterKeysMax}, the current one first.`,
  )
}
