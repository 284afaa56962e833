import { describe, expect, it } from 'vitest'
import { parseModelPath } from '../../../../node/doors/http/model-path.ts'

const verbs = new Set(['ready', 'infer'])
const name = { namespace: 'acme', name: 'resnet50', tag: 'latest' }

describe('parseModelPath', () => {
  it.each([
    { id: 'name', path: 'acme/resnet50', expected: { name, verb: '' } },
    { id: 'name with tag', path: 'acme/resnet50:v3', expected: { name: { ...name, tag: 'v3' }, verb: '' } },
    { id: 'infer', path: 'acme/resnet50/infer', expected: { name, verb: 'infer' } },
    { id: 'ready with tag', path: 'acme/resnet50:v3/ready', expected: { name: { ...name, tag: 'v3' }, verb: 'ready' } },
    { id: 'version', path: 'acme/resnet50/versions/v3', expected: { name: { ...name, tag: 'v3' }, verb: '' } },
    {
      id: 'version, infer',
      path: 'acme/resnet50/versions/v3/infer',
      expected: { name: { ...name, tag: 'v3' }, verb: 'infer' },
    },
    { id: 'a model called infer', path: 'acme/infer', expected: { name: { ...name, name: 'infer' }, verb: '' } },
    {
      id: 'a model called infer, run',
      path: 'acme/infer/infer',
      expected: { name: { ...name, name: 'infer' }, verb: 'infer' },
    },
  ])('reads $id', ({ path, expected }) => {
    expect(parseModelPath(path, verbs)).toEqual(expected)
  })

  it('takes no last part for a verb where there are none', () => {
    expect(parseModelPath('acme/resnet50/versions/v3')).toEqual({ name: { ...name, tag: 'v3' }, verb: '' })
    expect(() => parseModelPath('acme/resnet50/infer')).toThrow(expect.objectContaining({ code: 'BAD_MODEL_NAME' }))
  })

  it.each([
    '',
    'resnet50',
    'acme/',
    '/resnet50',
    'a/b/c/d',
    'acme/resnet50:v1/versions/v2',
    'acme/../x',
    'acme/resnet50:',
  ])('refuses %j', (path) => {
    expect(() => parseModelPath(path, verbs)).toThrow(expect.objectContaining({ code: 'BAD_MODEL_NAME' }))
  })
})
