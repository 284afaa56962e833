import { describe, expect, it } from 'vitest'
import { parsePage } from './blocks.ts'

const fence = '```'

describe('parsePage', () => {
  it('finds blocks with what the comments above them say', () => {
    const text = [
      '<!-- world: node -->',
      `${fence}sh\none\ntwo\n${fence}`,
      `${fence}yaml\nnot: this\n${fence}`,
      `<!-- box: second -->\n${fence}sh\nthree\n${fence}`,
      `<!-- not run: it takes a day -->\n${fence}sh\nfour\n${fence}`,
      `<!-- not run: of something else -->\n\n${fence}sh\nfive\n${fence}`,
    ].join('\n')
    expect(parsePage(text)).toEqual({
      needsNode: true,
      blocks: [
        { line: 2, text: 'one\ntwo', box: 'first', notRun: null },
        { line: 10, text: 'three', box: 'second', notRun: null },
        { line: 14, text: 'four', box: 'first', notRun: 'it takes a day' },
        { line: 19, text: 'five', box: 'first', notRun: null },
      ],
    })
  })

  it('refuses a block without an end', () => {
    expect(() => parsePage(`${fence}sh\none`)).toThrow('line 1')
  })
})
