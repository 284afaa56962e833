/** From the URL of an origin to its store. Opening makes no request: what is wrong there is told by the first one. */
import { fileURLToPath } from 'node:url'
import { type Clock, HoldfastError } from '../../common/index.ts'
import type { FileWork } from '../../native/index.ts'
import { nodeFileWork } from '../bytes/node-file-work.ts'
import { Origin, type OriginOptions } from '../origin.ts'
import { FileStore } from './file/file-store.ts'
import type { ObjectStore } from './object-store.ts'
import { S3Store } from './s3/s3-store.ts'
import { parseS3Url } from './s3/s3-url.ts'

export interface OpenStoreOptions {
  /** Of the process: systemClock of node/system. */
  readonly clock: Clock
  /** Whether the first write may make the folder of a file: origin (its parent must be there). Readers leave it false. */
  readonly create?: boolean
  /** Whether a file: origin is read in place, which is quicker where nothing else waits for this process: `holdfast ls`. */
  readonly blocking?: boolean
  /** Hashes what is written to a bucket. */
  readonly work?: FileWork
}

export interface OpenOriginOptions extends OpenStoreOptions, Partial<OriginOptions> {}

export function openOrigin(url: string, options: OpenOriginOptions): Origin {
  const { clock, create = false, blocking = false, ...originOptions } = options
  const { work = nodeFileWork } = options
  return new Origin(openObjectStore(url, { clock, create, blocking, work }), originOptions)
}

export function openObjectStore(url: string, options: OpenStoreOptions): ObjectStore {
  const parsed = URL.parse(url)
  switch (parsed?.protocol) {
    case 'file:':
      return new FileStore(folderOf(parsed, url), options)
    case 's3:':
      return new S3Store(parseS3Url(url), { clock: options.clock, work: options.work ?? nodeFileWork })
    default:
      throw badUrl(url, 'use file:///directory or s3://bucket/prefix')
  }
}

function folderOf(parsed: URL, url: string): string {
  // file:a/b and file:///a/b parse alike; the former is a mistake, since there is no folder it could be relative to.
  if (!/^file:\/\//i.test(url) || parsed.search !== '' || parsed.hash !== '') {
    throw badUrl(url, 'write it as file:///absolute/directory')
  }
  try {
    const folder = fileURLToPath(parsed)
    if (folder === '/') throw badUrl(url, 'the root folder cannot be an origin')
    return folder.replace(/\/+$/, '')
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    throw badUrl(url, 'write it as file:///absolute/directory')
  }
}

function badUrl(url: string, why: string): HoldfastError {
  return new HoldfastError(
    'BAD_ORIGIN_URL',
    `The origin URL ${JSON.stringify(url.slice(0, 200))} is not understood: ${why}.`,
    {
      details: { url: url.slice(0, 200) },
    },
  )
}
