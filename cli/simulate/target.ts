/** What a cluster has to reach: `meanLoadDelayMs<=50`, `hitPercent>=90`. */
import { HoldfastError } from '../../common/index.ts'
import { type FigureName, figure, figureNames } from '../../sim/report/index.ts'

export interface Target {
  readonly figure: FigureName
  readonly limit: number
  /** As it is read: 'mean load delay ≤ 50 ms'. */
  readonly text: string
}

export function parseTarget(text: string): Target {
  const [, name, sign, limitText] = /^\s*(\w+)\s*(<=|>=)\s*(\d*\.?\d+(?:e\d+)?)\s*$/i.exec(text) ?? []
  if (name === undefined || sign === undefined || limitText === undefined) {
    throw new HoldfastError('BAD_REQUEST', `--target is ${text}; it has to be as in 'meanLoadDelayMs<=50'.`)
  }
  const found = figureNames.find((candidate) => candidate === name)
  if (found === undefined) {
    throw new HoldfastError('BAD_REQUEST', `--target has no figure ${name}; there is ${figureNames.join(', ')}.`)
  }
  const { better, title, format } = figure(found)
  const wanted = better === 'lower' ? '<=' : '>='
  if (sign !== wanted) {
    throw new HoldfastError(
      'BAD_REQUEST',
      `--target ${text}: of ${found} ${better} is better; write ${found}${wanted}${limitText}.`,
    )
  }
  const limit = Number(limitText)
  return { figure: found, limit, text: `${title} ${better === 'lower' ? '≤' : '≥'} ${format(limit)}` }
}

export function meets({ figure: name, limit }: Target, value: number): boolean {
  return figure(name).better === 'lower' ? value <= limit : value >= limit
}
