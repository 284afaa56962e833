/**
 * How fast a byte can go from one process to another on this machine when all cores work on nothing else: what each piece of its way
 * takes of a processor, with Node's own OpenSSL. Measured by an addon that is compiled when the bench starts.
 */
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { median } from '../statistics.ts'
import { cProgramsPath } from '../store/package-paths.ts'
import type { BenchRow } from '../types.ts'

const run = promisify(execFile)
const require = createRequire(import.meta.url)

/** Of TLS_AES_128_GCM_SHA256, which the engine asks for first. */
const keyBytes = 16

const pieces = [
  { id: 'tcp', note: 'plain TCP on loopback, both ends' },
  { id: 'seal', note: 'AES-128-GCM of records of 16 KiB, from memory that no cache holds' },
  { id: 'open', note: 'the same at the other end, into such memory' },
  { id: 'sha256', note: 'of bytes that the cache holds' },
  { id: 'first_touch', note: 'pages of shared memory, taken in one call' },
] as const

type MeasureLimit = (keyBytes: number, sizeBytes: number, cores: number) => number[]

export class Limit {
  private readonly measureLimit: MeasureLimit
  private readonly sizeBytes: number
  private readonly cores = availableParallelism()
  /** Of each turn, each piece: seconds of processor time per byte. */
  private readonly turns: number[][] = []

  private constructor(measureLimit: MeasureLimit, sizeBytes: number) {
    this.measureLimit = measureLimit
    this.sizeBytes = sizeBytes
  }

  /** Null, with a reason said, where there is no C++ compiler. */
  static async compile(folder: string, sizeBytes: number, say: (text: string) => void): Promise<Limit | null> {
    const headers: string = require('node-api-headers').include_dir
    const output = join(folder, 'limit.node')
    const sources = (await readdir(cProgramsPath)).filter((name) => /^limit.*\.cc$/.test(name))
    const flags = ['-std=c++20', '-O2', '-shared', '-fPIC', '-pthread', `-I${headers}`, '-o', output]
    try {
      await run('g++', [...flags, ...sources.map((name) => join(cProgramsPath, name))])
    } catch (error) {
      say(`limit_gbps is left out: g++ is needed, and failed: ${(error as Error).message}`)
      return null
    }
    return new Limit(require(output) as MeasureLimit, sizeBytes)
  }

  /** One turn. @returns bytes per second with all cores. */
  measure(): number {
    const turn = this.measureLimit(keyBytes, this.sizeBytes, this.cores)
    this.turns.push(turn)
    return this.bytesPerS(turn)
  }

  rows(): BenchRow[] {
    const n = this.turns.length
    return [
      {
        id: 'limit_gbps',
        value: median(this.turns.map((turn) => this.bytesPerS(turn))) / 1e9,
        unit: 'GB/s',
        n,
        note: `all ${this.cores} cores on the pieces below and nothing else`,
      },
      ...pieces.map(({ id, note }, index) => ({
        id: `limit_cpu_s_per_gb/${id}`,
        value: median(this.turns.map((turn) => turn[index]!)) * 1e9,
        unit: 's/GB',
        n,
        note,
      })),
    ]
  }

  private bytesPerS(turn: readonly number[]): number {
    return this.cores / turn.reduce((sum, seconds) => sum + seconds, 0)
  }
}
