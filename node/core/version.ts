/** The order of entries: epoch first (it rises with every start of a node), then sequence. Last writer wins. */
export interface Version {
  readonly epoch: number
  readonly sequence: number
}

export function compareVersions(a: Version, b: Version): number {
  return a.epoch - b.epoch || a.sequence - b.sequence
}
