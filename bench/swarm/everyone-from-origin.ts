/** What a cluster without peers does: every host asks the origin, by curl from nginx over TLS. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { missingTools, runTool } from '../bulk/tools.ts'
import { startNginx } from '../bulk/web-tools.ts'
import type { LabHost } from '../lab/network-lab.ts'
import { writeRandomFile } from '../random-file.ts'

const port = 9100

/** Seconds of each host; null, with a reason said, where a tool is absent. */
export async function everyoneFromOrigin(
  { enter, address }: LabHost,
  hosts: readonly LabHost[],
  sizeBytes: number,
  say: (text: string) => void,
): Promise<number[] | null> {
  const missing = await missingTools(['nginx', 'curl', 'openssl'])
  if (missing.length > 0) {
    say(`everyone-from-origin is left out: not installed here: ${missing.join(', ')}`)
    return null
  }
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  try {
    await writeRandomFile(join(folder, 'weights.bin'), sizeBytes, 1)
    const site = await startNginx(folder, folder, { host: address, port, enter })
    try {
      const startedMs = performance.now()
      return await Promise.all(
        hosts.map(async (host) => {
          const args = ['-sSf', '--cacert', site.certificatePath, '-o', '/dev/null', `${site.url}/weights.bin`]
          await runTool('curl', args, host.enter)
          return (performance.now() - startedMs) / 1000
        }),
      )
    } finally {
      await site.server.stop()
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}
