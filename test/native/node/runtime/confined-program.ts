/** Started by the launcher as a converter is. It gives up the rest of its rights, tries one thing, and prints its error code or what it found. */
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { filterSystemCalls } from '../../../../native/index.ts'

const [kind, folder] = process.argv.slice(2) as [keyof typeof attempts, string]
const allowed = join(folder, 'allowed')

const attempts = {
  tcp: () => new Promise<string>((resolve) => connect(9, '127.0.0.1').once('error', (error) => resolve(codeOf(error)))),
  udp: () =>
    new Promise<string>((resolve) => {
      const socket = createSocket('udp4')
      socket.once('error', (error) => resolve(codeOf(error)))
      socket.bind(0, () => resolve('bound'))
    }),
  program: () => (spawnSync('/bin/true').error as NodeJS.ErrnoException | undefined)?.code ?? 'ran',
  signal: () => tried(() => process.kill(process.ppid, 'SIGCONT')),
  rings: () => String(readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).includes('io_uring')).length),
  write: () => tried(() => writeFileSync(join(folder, 'not-allowed'), '')),
  'write-in-thread': () => writeFile(join(folder, 'not-allowed'), '').then(() => 'done', codeOf),
  'write-allowed': () => tried(() => writeFileSync(join(allowed, 'x'), '')),
  remove: () => tried(() => rmSync(join(folder, 'tiny.ort'))),
  priority: () => String(getPriority()),
}

function tried(action: () => void): string {
  try {
    action()
    return 'done'
  } catch (error) {
    return codeOf(error)
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return ''
  }
}

filterSystemCalls(false)
console.log(await attempts[kind]())
process.exit(0)
