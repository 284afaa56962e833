import { describe, expect, it } from 'vitest'
import { parseModelPath, restOfPath } from '../../../../node/doors/http/model-path.ts'
import { formatModelName } from '../../../../origin/index.ts'

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
    expect(parseModelPath(path, verbs)).toMatchObject(expected)
  })

  it('takes no last part for a verb where there are none', () => {
    expect(parseModelPath('acme/resnet50/versions/v3')).toMatchObject({ name: { ...name, tag: 'v3' }, verb: '' })
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

  it.each([
    { path: 'resnet50', full: 'library/resnet50:latest', spelled: 'resnet50', verb: '' },
    { path: 'resnet50/infer', full: 'library/resnet50:latest', spelled: 'resnet50', verb: 'infer' },
    { path: 'resnet50:v3/ready', full: 'library/resnet50:v3', spelled: 'resnet50', verb: 'ready' },
    { path: 'resnet50/versions/1', full: 'library/resnet50:1', spelled: 'resnet50', verb: '' },
    { path: 'resnet50/versions/1/infer', full: 'library/resnet50:1', spelled: 'resnet50', verb: 'infer' },
    { path: 'acme%2Finfer', full: 'acme/infer:latest', spelled: 'acme/infer', verb: '' },
    { path: 'acme%2finfer/infer', full: 'acme/infer:latest', spelled: 'acme/infer', verb: 'infer' },
    { path: 'acme/resnet50/infer', full: 'acme/resnet50:latest', spelled: 'acme/resnet50', verb: 'infer' },
    { path: 'Qwen%2FQwen2-0.5B/infer', full: 'Qwen/Qwen2-0.5B:latest', spelled: 'Qwen/Qwen2-0.5B', verb: 'infer' },
  ])('reads $path where names may lack a namespace', ({ path, full, ...expected }) => {
    const { name: found, ...rest } = parseModelPath(path, verbs, 'library')
    expect([formatModelName(found), rest]).toEqual([full, expected])
  })

  it('takes the rest of a path as it stands in the URL', () => {
    expect(restOfPath('/v2/models/acme%2Fm:v3/infer?x=/y', 2)).toBe('acme%2Fm:v3/infer')
    expect(restOfPath('/v2/models/', 2)).toBe('')
  })
})
