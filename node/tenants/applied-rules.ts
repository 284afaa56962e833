/**
 * Puts the rules of the store's socket in force, whenever tenants or the file of store.accessFile change. The file is read when it changes
 * only: one that cannot be read keeps no revoked token valid, and what it said last goes on.
 */
import type { TenantRecord } from '../../core/index.ts'
import type { AccessRule } from '../../native/index.ts'
import { type FileRule, type StoreRulesOptions, storeRules } from './store-rules.ts'

export interface AppliedRulesPorts {
  readonly records: () => readonly TenantRecord[]
  /** Null without a file. */
  readonly readFile: () => Promise<readonly FileRule[] | null>
  readonly setAccess: (rules: AccessRule[]) => void
}

export class AppliedRules {
  private readonly ports: AppliedRulesPorts
  private readonly options: StoreRulesOptions
  private file: readonly FileRule[] | null

  /** @param file what it says at the start. */
  constructor(ports: AppliedRulesPorts, options: StoreRulesOptions, file: readonly FileRule[] | null) {
    this.ports = ports
    this.options = options
    this.file = file
  }

  /** Tenants have changed. */
  apply(): void {
    this.ports.setAccess(storeRules(this.ports.records(), this.file, this.options))
  }

  /** The file has changed. When it cannot be used this throws, and changes nothing. */
  async readFile(): Promise<void> {
    this.file = await this.ports.readFile()
    this.apply()
  }
}
