/** A store of the bench's own in a process, and what may be asked of it. */
import { type ChildProcess, fork } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HoldfastError } from '../../common/index.ts'
import { writeRandomFile } from '../random-file.ts'
import { programPath } from './package-paths.ts'
import type { StoreAnswer, StoreRequest } from './store-process.ts'

export interface BenchStoreOptions {
  readonly folder: string
  readonly memoryLimitBytes: number
  readonly diskLimitBytes: number
  readonly largePages?: boolean
}

export class BenchStore {
  readonly socketPath: string
  private readonly child: ChildProcess
  private readonly waiting = new Map<
    number,
    { resolve: (value: string | number) => void; reject: (error: Error) => void }
  >()
  private readonly gone: Promise<void>
  private nextId = 0

  private constructor(child: ChildProcess, socketPath: string) {
    this.child = child
    this.socketPath = socketPath
    child.on('message', (answer: StoreAnswer) => {
      const waiting = this.waiting.get(answer.id)
      this.waiting.delete(answer.id)
      if ('error' in answer) waiting?.reject(new HoldfastError('SYSTEM', `The store of the bench: ${answer.error}`))
      else waiting?.resolve(answer.value)
    })
    this.gone = new Promise((resolve) => {
      child.once('exit', () => {
        for (const { reject } of this.waiting.values())
          reject(new HoldfastError('SYSTEM', 'The store of the bench ended.'))
        resolve()
      })
    })
  }

  static async start({ folder, ...limits }: BenchStoreOptions): Promise<BenchStore> {
    const socketPath = join(folder, 'store.sock')
    const options = {
      socketPath,
      diskPath: join(folder, 'disk'),
      connectionsMax: 256,
      leasesPerConnectionMax: 256,
      ...limits,
    }
    const child = fork(programPath('store-process'), [JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const store = new BenchStore(child, socketPath)
    await new Promise((resolve, reject) => store.waiting.set(-1, { resolve, reject }))
    return store
  }

  /** A copy of the file is on disk, and nothing in memory. Resolves with the path of the copy. */
  async add(name: string, path: string, file = 'weights.bin'): Promise<string> {
    return (await this.ask({ kind: 'add', name, path, file })) as string
  }

  /** A model of random bytes, made in `folder`. */
  async addRandom(name: string, sizeBytes: number, folder: string, seed: number): Promise<string> {
    const path = join(folder, `source-${seed}`)
    await writeRandomFile(path, sizeBytes, seed)
    try {
      return await this.add(name, path)
    } finally {
      await rm(path)
    }
  }

  /** Out of memory when the last lease has ended; on disk still. */
  async drop(name: string): Promise<void> {
    await this.ask({ kind: 'drop', name, disk: false })
  }

  async remove(name: string): Promise<void> {
    await this.ask({ kind: 'drop', name, disk: true })
  }

  async leases(): Promise<number> {
    return (await this.ask({ kind: 'leases' })) as number
  }

  async stop(): Promise<void> {
    // One that failed has gone by itself.
    if (this.child.connected) this.child.disconnect()
    await this.gone
  }

  private ask(request: StoreRequest): Promise<string | number> {
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject })
      this.child.send({ id, request })
    })
  }
}
