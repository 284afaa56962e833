/** Runs every check, one after another, so that none disturbs another's measurement. */
import { findAll, readMemoryFacts, sharedChecks } from '../../node/checks/index.ts'
import type { NodeOptions } from '../../node/config/index.ts'
import { nodePaths, systemClock } from '../../node/system/index.ts'
import { checkConfinement } from './check-confinement.ts'
import { checkDataFolder, checkDisk } from './check-disk.ts'
import { checkIdentity } from './check-identity.ts'
import { checkKernel } from './check-kernel.ts'
import { checkLargePages } from './check-large-pages.ts'
import { checkOrigin } from './check-origin.ts'
import { checkPeers } from './check-peers.ts'
import { checkPorts, runningNode } from './check-ports.ts'
import { checkStore } from './check-store.ts'
import type { BoxPatient, Finding, Trial } from './types.ts'

const trials: readonly Trial[] = [
  { id: 'kernel', run: checkKernel },
  { id: 'native', run: checkStore },
  { id: 'pages', run: checkLargePages },
  { id: 'models', run: checkConfinement },
  { id: 'data', run: checkDataFolder },
  { id: 'disk', run: checkDisk },
  { id: 'ports', run: checkPorts },
  { id: 'origin', run: checkOrigin },
  { id: 'peers', run: checkPeers },
  { id: 'identity', run: checkIdentity },
]

export async function examine(options: NodeOptions, onFinding: (finding: Finding) => void): Promise<Finding[]> {
  const running = await runningNode(options)
  const patient: BoxPatient = {
    options,
    paths: nodePaths(options),
    memory: readMemoryFacts(),
    clock: systemClock,
    isRunning: running !== null,
    identityClaims: running?.identityClaims?.count ?? 0,
  }
  const findings: Finding[] = []
  for (const check of [...sharedChecks, ...trials]) {
    for (const { id, status, message, action } of await findAll([check], patient)) {
      const finding = { id, status, message, action }
      findings.push(finding)
      onFinding(finding)
    }
  }
  return findings
}
