/** The `data` list of a tensor, flat or nested, from JSON text to bytes: a step per few thousand elements, so that others have their turn. */
import type { Datatype } from '../../ports/index.ts'
import { datatypeTable } from '../../runtime/index.ts'
import { type ElementSink, elementSink, type JsonElement } from './json-elements.ts'
import { endOfText, readToken } from './json-token.ts'

/** A piece of a text, by its bytes. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface TensorText {
  readonly text: Buffer
  /** From the bracket that opens to behind the one that closes. */
  readonly list: Span
  readonly datatype: Datatype
  readonly shape: readonly number[]
  /** Elements that the shape asks for. */
  readonly count: number
  /** Lists that are nested deeper are no elements. */
  readonly depthMax: number
}

/** What came of it: the bytes, or what is wrong, in the words of a sentence that begins with the name of the tensor. */
export type TensorBytes = { readonly data: Uint8Array } | { readonly problem: string }

const elementsPerStep = 4096
const comma = 0x2c
const opening = 0x5b
const closing = 0x5d

export function* readTensorText(tensor: TensorText): Generator<void, TensorBytes> {
  const { text, list, datatype, count, depthMax } = tensor
  // Each element takes two bytes of text: a short body cannot ask for much memory by its shape.
  const elementsMax = Math.min(count, (list.end - list.start) >> 1)
  const sink = elementSink(datatype, elementsMax)
  let index = 0
  let depth = 0
  let mayValue = true
  let mayClose = false
  for (let at = list.start; at < list.end; ) {
    const byte = text[at]!
    if (isSpace(byte)) at++
    else if (byte === opening && mayValue) {
      depth += 1
      if (depth > depthMax) return wrongElement(index, 'a list', datatype)
      mayClose = true
      at++
    } else if (byte === closing && (mayClose || !mayValue)) {
      depth -= 1
      mayValue = false
      mayClose = false
      at++
    } else if (byte === comma && !mayValue) {
      mayValue = true
      mayClose = false
      at++
    } else if (mayValue) {
      const token = readToken(text, at)
      if (token === null) return byte === 0x7b ? wrongElement(index, 'an object', datatype) : malformed(at)
      if (index >= count) return { problem: wrongCount(tensor, 'more') }
      if (!fits(sink, token.value, index, elementsMax)) return wrongElement(index, show(token.value), datatype)
      index += 1
      at = token.end
      mayValue = false
      mayClose = false
      if (index % elementsPerStep === 0) yield
    } else return malformed(at)
  }
  return index === count ? { data: sink.data } : { problem: wrongCount(tensor, String(index)) }
}

/** The place behind the list that opens here, a step per few thousand bytes; -1 when it does not close. What is in it is not looked at. */
export function* endOfList(text: Buffer, start: number): Generator<void, number> {
  let depth = 0
  let nextStep = start + 16 * elementsPerStep
  for (let at = start; at < text.length; at++) {
    const byte = text[at]!
    if (byte === 0x22) {
      at = endOfText(text, at) - 1
      if (at < 0) return -1
    } else if (byte === opening || byte === 0x7b) depth += 1
    else if (byte === closing || byte === 0x7d) {
      depth -= 1
      if (depth === 0) return at + 1
    }
    if (at >= nextStep) {
      nextStep = at + 16 * elementsPerStep
      yield
    }
  }
  return -1
}

export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function fits(sink: ElementSink, value: JsonElement, index: number, elementsMax: number): boolean {
  return index < elementsMax && sink.set(value, index)
}

function wrongElement(index: number, what: string, datatype: Datatype): TensorBytes {
  return { problem: `element ${index} is ${what}, which is not ${datatype}` }
}

function wrongCount({ shape, count }: TensorText, found: string): string {
  return `shape [${shape}] has ${count} elements, data has ${found}`
}

function malformed(at: number): TensorBytes {
  return { problem: `data is not JSON at byte ${at} of the body` }
}

function show(value: JsonElement): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** Bytes that a tensor of so many elements has; null for BYTES, whose elements have lengths of their own. */
export function dataBytesOf(datatype: Datatype, count: number): number | null {
  return datatype === 'BYTES' ? null : count * datatypeTable[datatype].sizeBytes
}
