/** docs/reference/openapi.yaml describes the routes that the server has, and no others. test/e2e holds its schemas to real answers. */
import { describe, expect, it } from 'vitest'
import { fastifyPath } from '../../../../node/doors/http/route-roles.ts'
import { document, misfit, nameOf } from '../../../support/http-description.ts'
import { HttpFixture } from './fixture.ts'

describe('the description of the HTTP interface', () => {
  it('has the routes of the server', async () => {
    await using fixture = new HttpFixture()
    const routes: string[] = []
    fixture.app.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) if (one !== 'HEAD') routes.push(`${one} ${url}`)
    })
    await fixture.app.ready()
    const described = document.operations.map(({ method, path }) => `${method} ${fastifyPath(path)}`)
    expect([...new Set(described)].sort()).toEqual(routes.sort())
  })

  it.each(document.operations.map((operation) => ({ name: nameOf(operation), operation })))(
    'has schemas of $name that can be read',
    ({ operation }) => {
      for (const { content } of Object.values(operation.responses)) {
        for (const { schema } of Object.values(content)) expect(() => misfit(schema, null)).not.toThrow()
      }
      if (operation.body !== null)
        expect(misfit(operation.body, {})).toEqual(operation.path.endsWith('infer') ? expect.any(String) : null)
    },
  )

  it('notices a field that it does not have, and one that is missing', () => {
    const [server] = document.operations
    const schema = server!.responses['200']!.content['application/json']!.schema
    expect(misfit(schema, { name: 'holdfast', version: '1', extensions: [] })).toBeNull()
    expect(misfit(schema, { name: 'holdfast', version: '1', extensions: [], more: 1 })).toContain('additional')
    expect(misfit(schema, { name: 'holdfast', version: '1' })).toContain('extensions')
  })
})
