/** What is no HTTP request is refused as other bad requests are: with a code, and with what to do. */
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { HttpFixture } from './fixture.ts'

const head = 'POST /v2/models/acme%2Fm/infer HTTP/1.1\r\nHost: localhost\r\n'

describe('bytes that are no HTTP request', () => {
  it.each([
    { id: 'garbage', sent: '\0garbage\r\n\r\n', status: 400, code: 'BAD_REQUEST' },
    {
      id: 'two lengths',
      sent: `${head}Content-Length: 3\r\nContent-Length: 5\r\n\r\n`,
      status: 400,
      code: 'BAD_REQUEST',
    },
    { id: 'a broken chunk', sent: `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, status: 400, code: 'BAD_REQUEST' },
    { id: 'huge headers', sent: `${head}X: ${'a'.repeat(20_000)}\r\n\r\n`, status: 413, code: 'REQUEST_TOO_LARGE' },
  ])('are answered with a code: $id', async ({ sent, status, code }) => {
    await using fixture = new HttpFixture()
    await fixture.app.listen({ port: 0, host: '127.0.0.1' })
    const socket = connect((fixture.app.server.address() as AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(sent)
    const answer = await text(socket)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toContain(`holdfast-error: ${code}\r\n`)
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toMatchObject({ error: { code, details: {} } })
    expect((await fixture.get('/livez')).statusCode).toBe(200)
  })
})
