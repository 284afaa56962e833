/**
 * The command blocks of a page, and what its comments say of how they are to be run:
 *
 *   <!-- world: node -->          at the top of a page: a node runs already, with models in its origin
 *   <!-- box: second -->          before a block: it is typed on another machine
 *   <!-- not run: REASON -->      before a block: no test can run it here
 */
export interface Block {
  readonly line: number
  readonly text: string
  readonly box: 'first' | 'second'
  /** Why it is not run; null when it is. */
  readonly notRun: string | null
}

export interface Page {
  readonly needsNode: boolean
  readonly blocks: readonly Block[]
}

export function parsePage(text: string): Page {
  const lines = text.split('\n')
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at += 1) {
    if (lines[at] !== '```sh') continue
    const end = lines.indexOf('```', at + 1)
    if (end < 0) throw new Error(`the block of line ${at + 1} does not end`)
    const comments = commentsBefore(lines, at)
    blocks.push({
      line: at + 1,
      text: lines.slice(at + 1, end).join('\n'),
      box: comments.includes('box: second') ? 'second' : 'first',
      notRun:
        comments.map((comment) => /^not run: (.+)$/.exec(comment)?.[1] ?? null).find((why) => why !== null) ?? null,
    })
    at = end
  }
  return { needsNode: /^<!-- world: node -->$/m.test(text), blocks }
}

/** The comments on the lines just above. */
function commentsBefore(lines: readonly string[], at: number): string[] {
  const comments: string[] = []
  for (let above = at - 1; above >= 0; above -= 1) {
    const comment = /^<!-- (.*) -->$/.exec(lines[above]!)?.[1]
    if (comment === undefined) break
    comments.push(comment)
  }
  return comments
}
