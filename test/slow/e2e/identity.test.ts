/** Two boxes with one identity, as after an image was made of one: both are told, and the later one does not join. */
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClusterFixture, getJson } from '../../e2e/cluster-fixture.ts'
import { holdfast } from '../../support/holdfast-command.ts'

let cluster: ClusterFixture
beforeEach(async () => {
  cluster = await ClusterFixture.create()
})
afterEach(() => cluster.dispose())

it('refuses the later of two nodes with one identity, tells the first, and lets the copy join under a new one', async () => {
  const relay = await cluster.start('relay')
  const first = await cluster.start('first')
  await cluster.formed()
  const copy = join(cluster.folder, 'copy')
  await mkdir(copy)
  await cp(join(cluster.folder, 'first', 'identity.key'), join(copy, 'identity.key'))

  await expect(cluster.start('copy')).rejects.toThrow(/IDENTITY_IN_USE[\s\S]*holdfast init --new-identity/)
  await expect(cluster.start('copy', { 'cluster.bootstrap': first.addresses[0]! })).rejects.toThrow('IDENTITY_IN_USE')

  expect(await getJson(first, '/v1/status')).toMatchObject({ identityClaims: { count: 2 } })
  expect(await getJson(relay, '/v1/status')).toMatchObject({ identityClaims: null })
  expect(await cluster.log(first)).toContain('IDENTITY_IN_USE')
  const { stdout } = await holdfast(['status', '--url', first.httpUrl])
  expect(stdout).toMatch(/IDENTITY_IN_USE: claimed 2 times by another box/)
  const environment = {
    HOLDFAST_NODE_DATA_DIR: copy,
    HOLDFAST_CLUSTER_BOOTSTRAP: relay.addresses[0]!,
    HOLDFAST_CLUSTER_KEY_FILE: cluster.keyFile,
    HOLDFAST_HTTP_PORT: '0',
  }
  const examined = await holdfast(['doctor', '--json'], environment)
  expect(examined.stdout).toContain(`IDENTITY_IN_USE: another box runs as ${first.nodeId}`)

  const renewed = JSON.parse((await holdfast(['init', '--new-identity', '--data-dir', copy, '--json'])).stdout)
  expect(renewed.node).not.toBe(first.nodeId)
  const joined = await cluster.start('copy')
  expect(joined.nodeId).toBe(renewed.node)
  await cluster.formed()
})
