/** A reader for each node, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ChaosNode } from './chaos-lab.ts'
import type { ChaosModels } from './chaos-models.ts'

export class Readers {
  reads = 0
  /** Bytes of no revision that was ever pushed. */
  wrong = 0
  private readonly models: ChaosModels
  private readonly processes = new Map<ChaosNode, ChildProcess>()

  constructor(models: ChaosModels) {
    this.models = models
  }

  start(node: ChaosNode): void {
    const script = join(import.meta.dirname, `reader${import.meta.filename.slice(-3)}`)
    const words = ['--disable-warning=ExperimentalWarning', script, node.process!.socketPath, ...this.models.names]
    const reader = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.processes.set(node, reader)
    createInterface(reader.stdout).on('line', (line) => this.take(line))
  }

  async kill(node: ChaosNode): Promise<void> {
    const reader = this.processes.get(node)
    if (reader === undefined) return
    this.processes.delete(node)
    const gone = new Promise((resolve) => reader.once('exit', resolve))
    reader.kill('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    await Promise.all([...this.processes.keys()].map((node) => this.kill(node)))
  }

  private take(line: string): void {
    const [name, found] = line.split(' ') as [string, string]
    if (!/^[0-9a-f]{64}$/.test(found)) return
    this.reads += 1
    if (!this.models.revisions(name).some(({ sha256 }) => sha256 === found)) this.wrong += 1
  }
}
