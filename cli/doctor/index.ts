/** Runs every check, one after another, so that none disturbs another's measurement. */
import { isHoldfastError } from '../../common/index.ts'
import type { NodeOptions } from '../../node/config/index.ts'
import { nodePaths } from '../../node/system/index.ts'
import { checkConfigRules } from './check-config-rules.ts'
import { checkDataFolder, checkDisk } from './check-disk.ts'
import { checkClock, checkDescriptors, checkKernel, checkMemory } from './check-machine.ts'
import { checkOrigin } from './check-origin.ts'
import { checkPeers } from './check-peers.ts'
import { checkPorts, isNodeRunning } from './check-ports.ts'
import { checkSocket, checkStore } from './check-store.ts'
import type { Check, Finding, Patient } from './types.ts'

const checks: readonly Check[] = [
  { id: 'config', run: checkConfigRules },
  { id: 'kernel', run: checkKernel },
  { id: 'native', run: checkStore },
  { id: 'memory', run: checkMemory },
  { id: 'data', run: checkDataFolder },
  { id: 'disk', run: checkDisk },
  { id: 'socket', run: checkSocket },
  { id: 'files', run: checkDescriptors },
  { id: 'ports', run: checkPorts },
  { id: 'clock', run: checkClock },
  { id: 'origin', run: checkOrigin },
  { id: 'peers', run: checkPeers },
]

export async function examine(options: NodeOptions, onFinding: (finding: Finding) => void): Promise<Finding[]> {
  const patient: Patient = { options, paths: nodePaths(options), isRunning: await isNodeRunning(options) }
  const findings: Finding[] = []
  for (const { id, run } of checks) {
    for (const verdict of await verdictsOf(run, patient)) {
      const finding = { id, ...verdict }
      findings.push(finding)
      onFinding(finding)
    }
  }
  return findings
}

async function verdictsOf(run: Check['run'], patient: Patient): Promise<readonly Omit<Finding, 'id'>[]> {
  try {
    return [await run(patient)].flat()
  } catch (error) {
    const action = isHoldfastError(error) ? error.action : 'See the message for the call and its error.'
    return [{ status: 'fail', message: (error as Error).message, action }]
  }
}
