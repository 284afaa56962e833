/** The file that every contender brings over, and what its bytes hash to. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { writeRandomFile } from '../random-file.ts'

export interface SourceFile {
  readonly path: string
  readonly name: string
  readonly sizeBytes: number
  readonly sha256: string
  /** Of equal parts of the file, by their number: in 1, 2 and 4 parts. */
  readonly parts: ReadonlyMap<number, readonly FileRange[]>
}

export interface FileRange {
  readonly firstByte: number
  readonly lastByte: number
  readonly sha256: string
}

export const rangeCounts = [1, 2, 4] as const

export async function makeSourceFile(path: string, sizeBytes: number): Promise<SourceFile> {
  await writeRandomFile(path, sizeBytes, 1)
  const parts = new Map<number, FileRange[]>()
  for (const count of rangeCounts) {
    const ranges: FileRange[] = []
    for (let index = 0; index < count; index++) {
      const firstByte = Math.floor((sizeBytes * index) / count)
      const lastByte = Math.floor((sizeBytes * (index + 1)) / count) - 1
      ranges.push({ firstByte, lastByte, sha256: await sha256Of(path, firstByte, lastByte) })
    }
    parts.set(count, ranges)
  }
  return { path, name: basename(path), sizeBytes, sha256: parts.get(1)![0]!.sha256, parts }
}

export function rangesOf(source: SourceFile, count: number): readonly FileRange[] {
  return source.parts.get(count)!
}

async function sha256Of(path: string, start: number, end: number): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of createReadStream(path, { start, end, highWaterMark: 2 ** 20 })) hash.update(part)
  return hash.digest('hex')
}
