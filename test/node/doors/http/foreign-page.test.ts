import { describe, expect, it } from 'vitest'
import { isLoopbackHost } from '../../../../node/config/listening.ts'
import { isForeignPage } from '../../../../node/doors/http/foreign-page.ts'

describe('isForeignPage', () => {
  it.each([
    { id: 'a program on this machine', headers: { host: '127.0.0.1:8080' }, foreign: false },
    { id: 'a page of this node', headers: { host: 'localhost:8080', origin: 'http://localhost:8080' }, foreign: false },
    { id: 'IPv6 loopback', headers: { host: '[::1]:8080' }, foreign: false },
    {
      id: 'a page of another site',
      headers: { host: '127.0.0.1:8080', origin: 'https://evil.example' },
      foreign: true,
    },
    { id: 'a name made to resolve to loopback', headers: { host: 'evil.example:8080' }, foreign: true },
    { id: 'a sandboxed page', headers: { host: '127.0.0.1:8080', origin: 'null' }, foreign: true },
  ])('tells $id', ({ headers, foreign }) => {
    expect(isForeignPage(headers, '127.0.0.1')).toBe(foreign)
  })

  it('leaves other interfaces to their own rules', () => {
    expect(isForeignPage({ host: 'edge7.example' }, '0.0.0.0')).toBe(false)
    expect(isLoopbackHost('127.1.2.3')).toBe(true)
    expect(isLoopbackHost('10.0.0.1')).toBe(false)
  })
})
