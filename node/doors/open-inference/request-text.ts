/**
 * The JSON of an inference request, taken apart without making a value of every element: the `data` lists of the inputs stay text, and the
 * rest, which is small, is parsed. A step per few thousand bytes.
 */
import { HoldfastError } from '../../../common/index.ts'
import { endOfText } from './json-token.ts'
import { endOfList, isSpace, type Span } from './tensor-text.ts'

export interface RequestText {
  /** The body, with null in the place of the lists. */
  readonly value: unknown
  /** By the place of the input in `inputs`. */
  readonly lists: ReadonlyMap<number, Span>
}

/** Where the scan is: `inputs` of the body, and which of its objects. */
interface Place {
  depth: number
  isInInputs: boolean
  input: number
}

const bytesPerStep = 65_536

/** BAD_REQUEST for what is no JSON, REQUEST_TOO_LARGE when what is not data has more than `restBytesMax`. */
export function* readRequestText(text: Buffer, restBytesMax: number): Generator<void, RequestText> {
  const lists = new Map<number, Span>()
  const rest: Buffer[] = []
  const place: Place = { depth: 0, isInInputs: false, input: -1 }
  let restBytes = 0
  let keptFrom = 0
  let nextStep = bytesPerStep
  const keep = (end: number): void => {
    rest.push(text.subarray(keptFrom, end))
    restBytes += end - keptFrom
    if (restBytes > restBytesMax)
      throw new HoldfastError(
        'REQUEST_TOO_LARGE',
        `The JSON has more than ${restBytesMax} bytes that are no tensor data (inference.jsonLimitBytes).`,
      )
  }
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!
    if (byte === 0x22) {
      const end = endOfText(text, at)
      if (end === -1) throw malformed('a text does not end')
      const valueAt = place.depth === 1 || isInInput(place) ? valueAfterKey(text, end) : -1
      if (valueAt === -1) {
        at = end - 1
        continue
      }
      const key = keyOf(text.subarray(at, end))
      if (place.depth === 1) place.isInInputs = key === 'inputs' && text[valueAt] === 0x5b
      // As in any JSON object, the last field of a name counts.
      if (place.depth === 1 && key === 'inputs') lists.clear()
      at = valueAt - 1
      if (place.depth === 1 || key !== 'data') continue
      lists.delete(place.input)
      if (text[valueAt] !== 0x5b) continue
      const listEnd = yield* endOfList(text, valueAt)
      if (listEnd === -1) throw malformed('a list does not end')
      lists.set(place.input, { start: valueAt, end: listEnd })
      keep(valueAt)
      rest.push(Buffer.from('null'))
      keptFrom = listEnd
      at = listEnd - 1
    } else follow(place, byte)
    if (at >= nextStep) {
      nextStep = at + bytesPerStep
      yield
    }
  }
  keep(text.length)
  return { value: parse(Buffer.concat(rest)), lists }
}

/** Inputs are objects of a list of the body: the third level. */
function isInInput({ depth, isInInputs }: Place): boolean {
  return isInInputs && depth === 3
}

function follow(place: Place, byte: number): void {
  if (byte === 0x7b || byte === 0x5b) {
    place.depth += 1
    if (place.depth === 2) place.input = 0
  } else if (byte === 0x7d || byte === 0x5d) place.depth -= 1
  else if (byte === 0x2c && place.depth === 2) place.input += 1
}

/** Where the value begins, when what ends here is a key; -1 for a text that is a value. */
function valueAfterKey(text: Buffer, end: number): number {
  let at = end
  while (isSpace(text[at]!)) at++
  if (text[at] !== 0x3a) return -1
  for (at += 1; isSpace(text[at]!); at++);
  return at
}

function keyOf(quoted: Buffer): unknown {
  return quoted.includes(0x5c) ? parse(quoted) : quoted.toString('latin1', 1, quoted.length - 1)
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'))
  } catch (error) {
    throw malformed((error as Error).message)
  }
}

function malformed(why: string): HoldfastError {
  return new HoldfastError('BAD_REQUEST', `The body is not JSON: ${why}.`)
}
