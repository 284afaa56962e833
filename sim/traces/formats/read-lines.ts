/** Content of a file, plain or gzipped (by its first bytes, not by its name), as it comes: a trace may be larger than memory. */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { HoldfastError } from '../../../common/index.ts'

/** A longer line is no row of a trace, and would be held in memory whole. */
export const lineCharsMax = 1024 * 1024

/** Lines without their ends; the last one need not have one. */
export async function* readLines(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of readContent(file)) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop()!
    for (const line of lines) yield withoutReturn(line)
    if (rest.length > lineCharsMax) throw badTrace(file, `a line is longer than ${lineCharsMax} characters.`)
  }
  rest += decoder.decode()
  if (rest !== '') yield withoutReturn(rest)
}

export async function* readContent(file: string): AsyncGenerator<Uint8Array> {
  try {
    const mustUnpack = await isGzip(file)
    const source = createReadStream(file)
    if (!mustUnpack) return yield* source
    const unpacked = createGunzip()
    source.on('error', (error) => unpacked.destroy(error))
    yield* source.pipe(unpacked)
  } catch (cause) {
    throw badTrace(file, (cause as Error).message, cause)
  }
}

export function badTrace(file: string, problem: string, cause?: unknown): HoldfastError {
  return new HoldfastError('BAD_TRACE', `${file}: ${problem}`, cause === undefined ? {} : { cause })
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer.readUInt16BE(0) === 0x1f8b
  } finally {
    await handle.close()
  }
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
