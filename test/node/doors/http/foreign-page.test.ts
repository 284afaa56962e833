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
    ...['same-origin', 'same-site', 'none'].map((site) => ({
      id: `a request whose site is ${site}`,
      headers: { host: '127.0.0.1:8080', 'sec-fetch-site': site },
      foreign: false,
    })),
    {
      id: 'a page of localhost that asks 127.0.0.1',
      headers: { host: '127.0.0.1:8080', origin: 'http://localhost:3000', 'sec-fetch-site': 'cross-site' },
      foreign: false,
    },
    {
      id: 'an image or a link on a page of another site, which has no Origin',
      headers: { host: '127.0.0.1:8080', 'sec-fetch-site': 'cross-site' },
      foreign: true,
    },
    {
      id: 'a site that this version does not know',
      headers: { host: '127.0.0.1:8080', 'sec-fetch-site': 'cross-site, same-origin' },
      foreign: true,
    },
    {
      id: 'a page of another site that calls itself same-site',
      headers: { host: '127.0.0.1:8080', origin: 'https://evil.example', 'sec-fetch-site': 'same-site' },
      foreign: true,
    },
    { id: 'a sandboxed page', headers: { host: '127.0.0.1:8080', origin: 'null' }, foreign: true },
  ])('tells $id', ({ headers, foreign }) => {
    expect(isForeignPage(headers, '127.0.0.1')).toBe(foreign)
  })

  it('leaves other interfaces to their own rules', () => {
    expect(isForeignPage({ host: 'edge7.example' }, '0.0.0.0')).toBe(false)
    expect(isForeignPage({ host: 'edge7.example', 'sec-fetch-site': 'cross-site' }, '0.0.0.0')).toBe(true)
    expect(isLoopbackHost('127.1.2.3')).toBe(true)
    expect(isLoopbackHost('10.0.0.1')).toBe(false)
  })
})
