// deploy/node.yaml: what `holdfast init` would write for the service of deploy/holdfast.service, with addresses to be replaced.
import { firstConfig } from '../../cli/index.ts'

const GiB = 2 ** 30

export function sampleConfig(): string {
  return firstConfig({
    keyFile: '/etc/holdfast/cluster.key',
    tokenFile: '/etc/holdfast/admin.token',
    host: '192.0.2.7',
    clusterPort: 4001,
    bulkPort: 4002,
    httpPort: 8080,
    originUrl: 'file:///srv/models',
    bootstrap: ['/ip4/192.0.2.8/tcp/4001'],
    dataPath: '/var/lib/holdfast',
    memoryLimitBytes: 8 * GiB,
    diskLimitBytes: 64 * GiB,
  })
}
