/** Pure code takes time and chance as arguments: one leak ends the replay of a simulation. */
import { describe, expect, it } from 'vitest'
import { readSource, sourceFiles } from '../support/source-files.ts'

const ambient = /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|process\.|crypto\.)/

describe.each(['common', 'placement', 'core', 'sim'])('%s', (folder) => {
  it('uses neither the clock nor ambient chance', () => {
    const leaks = sourceFiles([folder]).flatMap((file) =>
      readSource(file)
        .split('\n')
        .flatMap((line, index) => (ambient.test(withoutComment(line)) ? [`${file}:${index + 1} ${line.trim()}`] : [])),
    )
    expect(leaks).toEqual([])
  })
})

function withoutComment(line: string): string {
  return line.replace(/^\s*(\*|\/\*|\/\/).*$/, '').replace(/\/\/.*$/, '')
}
