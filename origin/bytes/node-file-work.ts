/** The work on files where the native part is not built, on the threads of Node's own pool. The same results, more copies. */
import { createHash, webcrypto } from 'node:crypto'
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import type { Sha256 } from '../../common/index.ts'
import type { CopyResult, FilePlace, FileRange, FileWork, RunningHash } from '../../native/index.ts'
import { chunkDigest, isZero } from '../files/zeros.ts'

const read = promisify(fs.read)
const write = promisify(fs.write)

/** A long range is read in pieces of this size. */
const pieceBytes = 4 * 1024 * 1024
/** Runs of zeros of this length stay holes of the file: a multiple of what file systems allot. */
const holeBytes = 64 * 1024

export const nodeFileWork: FileWork = { hashRange, hashBytes, readHashed, writeVerified, copyVerified, newHash }

async function hashRange({ fd, offsetBytes, sizeBytes }: FileRange): Promise<Sha256 | null> {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(Math.min(pieceBytes, sizeBytes))
  for (let at = 0; at < sizeBytes; at += piece.length) {
    const part = piece.subarray(0, Math.min(piece.length, sizeBytes - at))
    if ((await readSome(fd, offsetBytes + at, part)) < part.length) return null
    hash.update(part)
  }
  return hash.digest('hex')
}

async function hashBytes(bytes: Uint8Array): Promise<Sha256> {
  // Zeros are known by their size.
  if (isZero(bytes)) return chunkDigest(bytes)
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex')
}

/**
 * On this thread, and not by WebCrypto on another: that copies its input to memory that lives until the next garbage collection, of which
 * the engine knows nothing. Measured: some 40 MB more at the peak of a push to S3.
 */
async function readHashed(fd: number, offsetBytes: number, target: Uint8Array): Promise<Sha256 | null> {
  return (await readSome(fd, offsetBytes, target)) < target.length ? null : chunkDigest(target)
}

async function writeVerified(bytes: Uint8Array, sha256: Sha256, to: FilePlace): Promise<boolean> {
  if ((await hashBytes(bytes)) !== sha256) return false
  await writeSparse(bytes, to)
  return true
}

async function copyVerified(from: FileRange, sha256: Sha256, to: FilePlace): Promise<CopyResult> {
  const bytes = Buffer.allocUnsafeSlow(from.sizeBytes)
  if ((await readSome(from.fd, from.offsetBytes, bytes)) < bytes.length) return 'short'
  return (await writeVerified(bytes, sha256, to)) ? 'copied' : 'mismatch'
}

function newHash(): RunningHash {
  const hash = createHash('sha256')
  return {
    update: async (bytes) => {
      hash.update(bytes)
    },
    digest: () => hash.digest('hex'),
  }
}

/** Fewer bytes at the end of the file. */
async function readSome(fd: number, offsetBytes: number, target: Uint8Array): Promise<number> {
  let doneBytes = 0
  while (doneBytes < target.length) {
    const { bytesRead } = await read(fd, target, doneBytes, target.length - doneBytes, offsetBytes + doneBytes)
    if (bytesRead === 0) break
    doneBytes += bytesRead
  }
  return doneBytes
}

async function writeSparse(bytes: Uint8Array, { fd, offsetBytes, zerosFromBytes }: FilePlace): Promise<void> {
  let start = 0
  for (let at = 0; at < bytes.length; at += holeBytes) {
    const endBytes = Math.min(at + holeBytes, bytes.length)
    if (offsetBytes + at < zerosFromBytes || !isZero(bytes.subarray(at, endBytes))) continue
    await writeFully(fd, bytes.subarray(start, at), offsetBytes + start)
    // Its last byte is written, so that the file reaches as far; a truncate could cut off what another pull has written.
    start = endBytes === bytes.length ? endBytes - 1 : endBytes
  }
  await writeFully(fd, bytes.subarray(start), offsetBytes + start)
}

async function writeFully(fd: number, bytes: Uint8Array, offsetBytes: number): Promise<void> {
  for (let doneBytes = 0; doneBytes < bytes.length; ) {
    const { bytesWritten } = await write(fd, bytes, doneBytes, bytes.length - doneBytes, offsetBytes + doneBytes)
    doneBytes += bytesWritten
  }
}
