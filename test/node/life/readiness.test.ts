import { describe, expect, it, test } from 'vitest'
import { Readiness } from '../../../node/life/readiness.ts'

describe('Readiness', () => {
  it('comes with all parts and the cluster, and ends with draining', () => {
    const joining = { done: false }
    const readiness = new Readiness(joining)
    expect(readiness.whyNotReady()).toBe('the node is starting')
    readiness.serve()
    expect([readiness.isReady, readiness.whyNotReady()]).toEqual([
      false,
      'the node looks for its cluster (cluster.bootstrap)',
    ])
    joining.done = true
    expect([readiness.isReady, readiness.isDraining]).toEqual([true, false])
    readiness.drain()
    expect([readiness.isReady, readiness.isDraining]).toEqual([false, true])
    expect(readiness.whyNotReady()).toBe('the node is draining; send requests to another')
  })
})

test('a node that can open no more files is not ready, and says so', () => {
  let open = 10
  const readiness = new Readiness({ done: true }, () => ({ open, limit: 100 }))
  readiness.serve()
  expect(readiness.isReady).toBe(true)
  open = 95
  expect(readiness.whyNotReady()).toContain('OUT_OF_DESCRIPTORS')
})
