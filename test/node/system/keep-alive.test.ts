import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

/** What a process of its own says and how it ends, that waits by the system's clock for a moment. */
function waitIn(wait: string): { stdout: string; status: number | null } {
  const door = (room: string) => JSON.stringify(new URL(`../../../${room}/index.ts`, import.meta.url).href)
  const script = `
    import { pause } from ${door('common')}
    import { keepAlive, systemClock } from ${door('node/system')}
    await ${wait}
    process.stdout.write('done')`
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  })
  return { stdout, status }
}

test('a timer of the system clock alone ends with the process, and does not keep it', () => {
  expect(waitIn('pause(systemClock, 1)')).toEqual({ stdout: '', status: 13 })
})

test('the process stays until the work has ended, and no longer', () => {
  expect(waitIn('keepAlive(pause(systemClock, 1))')).toEqual({ stdout: 'done', status: 0 })
})
