/** What a case of the hostile suite is: an attacker, what it does, and what that may cost those who are honest. */
import type { NodeId } from '../../common/index.ts'
import type { CheckedModel } from '../lab/checked-model.ts'
import type { HostilePart } from '../parts.ts'

export type AttackerKind = 'stranger' | 'member' | 'client' | 'browser' | 'model' | 'manifest' | 'origin'

/** What an attacker may know: plain data, since it runs in a process of its own. */
export interface AttackFacts {
  readonly victim: NodeId
  /** Another honest node. */
  readonly other: NodeId
  readonly clusterAddress: string
  /** host:port */
  readonly bulkAddress: string
  readonly httpUrl: string
  readonly socketPath: string
  /** For members. */
  readonly clusterKey: string
  /** A model that the victim serves from memory. */
  readonly honest: CheckedModel
  /** What the case has pushed. */
  readonly hostileNames: readonly string[]
  /** Of the origin's server, for cases with an origin that is reached over HTTP. */
  readonly originAddress: string | null
}

/** What a case can do before the nodes start. */
export interface Preparation {
  readonly originPath: string
  /** A folder for files of the case. */
  readonly folder: string
  /** Pushes a folder as a model of an honest publisher. */
  push(source: string, name: string): Promise<void>
  /** Writes a manifest as an attacker makes it, without the checks of a push, and a signed ref to it. */
  publish(name: string, manifest: object): Promise<void>
}

export interface HostileCase {
  readonly name: HostilePart
  readonly who: AttackerKind
  /** What the attacker does, for people. */
  readonly does: string
  /** How nodes reach the origin. */
  readonly origin: 'folder' | 'web'
  /** What the memory of the victim and its children may grow by while it lasts. */
  readonly rssBudgetMb: number
  /** Names of the hostile models that it makes. */
  prepare?(preparation: Preparation): Promise<readonly string[]>
  /** Runs in a process of its own; resolves when the attack is under way. Ends when the process is killed. */
  attack(facts: AttackFacts): Promise<void>
  /** Puts the world right again after the attack, where the end of the attacker does not. */
  relent?(facts: AttackFacts): Promise<void>
}
