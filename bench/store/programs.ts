/** The C programs of bench/programs, compiled when the bench starts: what they measure is what a program in C sees. */
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { HoldfastError } from '../../common/index.ts'
import { cProgramsPath, libraryPath, packageRoot } from './package-paths.ts'

const run = promisify(execFile)

export type ProgramName = 'opens' | 'bare' | 'bytes' | 'holders' | 'workload'

const names: readonly ProgramName[] = ['opens', 'bare', 'bytes', 'holders', 'workload']

export class Programs {
  private readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Into the folder. SYSTEM without a C compiler or the library. */
  static async compile(folder: string): Promise<Programs> {
    const programs = new Programs(folder)
    await Promise.all(
      names.map(async (name) => {
        const source = join(cProgramsPath, `${name}.c`)
        const library = [`-I${join(packageRoot, 'native', 'include')}`, `-L${libraryPath}`, `-Wl,-rpath,${libraryPath}`]
        const args = [
          '-O2',
          '-std=gnu11',
          '-D_GNU_SOURCE',
          '-pthread',
          source,
          '-o',
          programs.path(name),
          ...library,
          '-lholdfast',
        ]
        await run('cc', args).catch((cause: Error) => {
          throw new HoldfastError('SYSTEM', `The bench compiles C programs, and cc failed: ${cause.message}`, { cause })
        })
      }),
    )
    return programs
  }

  path(name: ProgramName): string {
    return join(this.folder, name)
  }

  /** What it printed, a number a line. */
  async numbers(name: ProgramName, args: readonly (string | number)[], input = ''): Promise<number[]> {
    const child = spawn(this.path(name), args.map(String), { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
    // A program that reads no input may have ended before it is sent.
    child.stdin.on('error', () => {}).end(input)
    const printed = await text(child.stdout)
    if ((await ended) !== 0) throw new HoldfastError('SYSTEM', `The program ${name} ${args.join(' ')} failed.`)
    return printed.split('\n').filter(Boolean).map(Number)
  }

  async number(name: ProgramName, args: readonly (string | number)[], input = ''): Promise<number> {
    return (await this.numbers(name, args, input))[0]!
  }

  /** Takes files out of the page cache. */
  async forget(...paths: readonly string[]): Promise<void> {
    await this.numbers('bytes', ['forget', ...paths])
  }
}
