/** Pure code takes time and chance as arguments: one leak ends the replay of a simulation. */
import { describe, expect, it } from 'vitest'
import { readSource, sourceFiles } from '../support/source-files.ts'

const ambient = /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|process\.|crypto\.)/

describe.each(['common', 'placement', 'core', 'sim'])('%s', (folder) => {
  it('uses neither the clock nor ambient chance', () => {
    expect(linesWith(sourceFiles([folder]), ambient)).toEqual([])
  })
})

/** Timers of sockets (`socket.setTimeout`) too: no clock of a test can drive them. */
const realTime = /AbortSignal\.timeout|\bset(Timeout|Interval)\(|timers\/promises|Date\.now|performance\.now/

/**
 * Adapters of the operating system. The timer of keep-alive.ts measures nothing, it holds a process; the waits of open-model.ts are the
 * addon's, by the clock of the system.
 */
const systemAdapters = ['node/system/clock.ts', 'node/system/keep-alive.ts', 'native/open-model.ts']

describe.each(['clients', 'common', 'core', 'native', 'node', 'origin', 'placement', 'sim'])('%s', (folder) => {
  it('reads clocks and sets timers in adapters of the system alone', () => {
    const files = sourceFiles([folder]).filter((file) => !systemAdapters.includes(file))
    expect(files).not.toEqual([])
    expect(linesWith(files, realTime)).toEqual([])
  })

  it('is given its clock by node/main or the command line', () => {
    const files = sourceFiles([folder]).filter((file) => !/^node\/(system|main)\//.test(file))
    expect(linesWith(files, /\bsystemClock\b/)).toEqual([])
  })
})

function linesWith(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    readSource(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(withoutComment(line)) ? [`${file}:${index + 1} ${line.trim()}`] : [])),
  )
}

function withoutComment(line: string): string {
  return line.replace(/^\s*(\*|\/\*|\/\/).*$/, '').replace(/\/\/.*$/, '')
}
