/** Programs of the machine: they reach the store's socket and the HTTP interface on loopback. */
import { connect as connectStore } from '../../../clients/node/index.ts'
import type { HostileCase } from '../types.ts'

const clients = { who: 'client', origin: 'folder', rssBudgetMb: 64 } as const
const storeConnections = 1_024

export const clientCases: readonly HostileCase[] = [
  {
    ...clients,
    name: 'all-store-connections',
    does: 'one program opens 1,024 connections to the store and keeps what it gets',
    attack: async ({ socketPath }) => {
      await Promise.allSettled(Array.from({ length: storeConnections }, () => connectStore(socketPath)))
    },
  },
  {
    ...clients,
    name: 'opens-without-end',
    does: 'one program opens names that do not exist, 64 at a time, as fast as it is answered',
    attack: async ({ socketPath }) => {
      const client = await connectStore(socketPath)
      let count = 0
      const again = (): void => {
        count += 1
        client.open(`nobody/m${count}`).then(
          (model) => model.close(),
          () => setTimeout(again, 1),
        )
      }
      for (let at = 0; at < 64; at += 1) again()
    },
  },
]
