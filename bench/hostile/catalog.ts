/** The table of attacks. A case is added here, with its row in docs/security.md. */
import { clientCases } from './cases/clients.ts'
import { manifestCases } from './cases/manifests.ts'
import { memberCases } from './cases/members.ts'
import { modelCases } from './cases/models.ts'
import { originCases } from './cases/origins.ts'
import { strangerCases } from './cases/strangers.ts'
import type { HostileCase } from './types.ts'

export const hostileCases: readonly HostileCase[] = [
  ...strangerCases,
  ...clientCases,
  ...memberCases,
  ...manifestCases,
  ...modelCases,
  ...originCases,
]
