import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { stateOf } from '../../cli/commands/peers.ts'
import { isOwnMachine, NodeClient, readToken } from '../../cli/node-client.ts'
import { formatMs, linesOf, shortId } from '../../cli/print.ts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve))
})

async function answering(status: number, body: string): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? 'no token'}`)
    response.writeHead(status, { connection: 'close' }).end(body)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen }
}

describe('a client of a node', () => {
  it('asks with its token, and gives back the answer', async () => {
    const { url, seen } = await answering(200, '{"ok":true}')
    expect(await new NodeClient({ url, token: 't' }).put(`/v1/pins/${NodeClient.pathOf('acme/x:v1')}`)).toEqual({
      ok: true,
    })
    expect(await new NodeClient({ url, token: null }).get('/v1/status')).toEqual({ ok: true })
    expect(seen).toEqual(['PUT /v1/pins/acme%2Fx%3Av1 Bearer t', 'GET /v1/status no token'])
  })

  it.each([
    {
      id: 'an error of the node',
      status: 409,
      body: '{"error":{"code":"MODEL_IN_USE","message":"leased"}}',
      code: 'MODEL_IN_USE',
    },
    {
      id: 'a code that it does not know',
      status: 500,
      body: '{"error":{"code":"FROM_THE_FUTURE"}}',
      code: 'NODE_UNREACHABLE',
    },
    { id: 'another server', status: 404, body: '<html>', code: 'NODE_UNREACHABLE' },
  ])('makes of $id the right failure', async ({ status, body, code }) => {
    const { url } = await answering(status, body)
    await expect(new NodeClient({ url, token: null }).get('/')).rejects.toMatchObject({ code })
  })

  it('says that nobody answers', async () => {
    const { url } = await answering(200, '')
    await new Promise((resolve) => servers.pop()!.close(resolve))
    await expect(new NodeClient({ url, token: null }).get('/')).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it.each([
    ['http://127.0.0.1:8080', true],
    ['http://localhost', true],
    ['http://[::1]:80/', true],
    ['http://127.0.0.1.example.com', false],
    ['http://localhost.example.com:80', false],
    ['http://192.0.2.7:8080', false],
  ])('gives the token of this machine to %s: %s', (url, isOwn) => {
    expect(isOwnMachine(url)).toBe(isOwn)
  })
})

describe('a token file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-token-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  it('gives its first token', () => {
    writeFileSync(join(folder, 't'), '# mine\n\n one \ntwo\n')
    expect(readToken(join(folder, 't'))).toBe('one')
    writeFileSync(join(folder, 'empty'), '#\n')
    expect(() => readToken(join(folder, 'empty'))).toThrow('holds no token')
    expect(() => readToken(join(folder, 'absent'))).toThrow(expect.objectContaining({ code: 'BAD_CONFIG' }))
  })
})

describe('what is printed', () => {
  it('is a table on a terminal and tabs in a pipe, without control characters of others', () => {
    const rows = [
      ['a\x1b[31m', 1],
      ['bb', null],
    ] as const
    expect(linesOf(['NAME', 'N'], rows, false)).toEqual(['a?[31m\t1', 'bb\t-'])
    expect(linesOf(['NAME', 'N'], rows, true)).toEqual(['NAME    N', 'a?[31m  1', 'bb      -'])
    expect(linesOf(['', ''], rows, true)).toHaveLength(2)
  })

  it.each([
    [0, '0 ms'],
    [3.456, '3.5 ms'],
    [250, '250 ms'],
    [12_340, '12.3 s'],
    [null, '∞'],
    [Number.POSITIVE_INFINITY, '∞'],
  ])('%s milliseconds are %s', (ms, text) => {
    expect(formatMs(ms)).toBe(text)
  })

  it('shortens what people compare by eye', () => {
    expect(shortId('a'.repeat(64))).toBe('a'.repeat(12))
    expect(shortId('12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp')).toBe('…vnc6iDEp')
    expect(stateOf({ banned: true, suspected: true, draining: true })).toBe('banned')
    expect(stateOf({ banned: false, suspected: true, draining: true })).toBe('suspected')
    expect(stateOf({ banned: false, suspected: false, draining: true })).toBe('draining')
    expect(stateOf({ banned: false, suspected: false, draining: false })).toBe('up')
  })
})
