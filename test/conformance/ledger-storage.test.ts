import { PlainStorage } from '../../core/cluster/plain-storage.ts'
import { SharedLedgers, SharedStorage } from '../../sim/shared-ledger/index.ts'
import { entryOf, resident, stateBody } from '../core/fixture.ts'
import { testLedgerStorage } from './ledger-storage.suite.ts'

testLedgerStorage('a table of its own', (self, indexedModelsMax) => new PlainStorage(self, { indexedModelsMax }))

testLedgerStorage('pages of its own', (self, indexedModelsMax) => {
  return new SharedStorage(self, new SharedLedgers(), { indexedModelsMax })
})

const shared = new SharedLedgers()

testLedgerStorage('pages on which others lie too', (self, indexedModelsMax) => {
  const options = { indexedModelsMax }
  const other = new SharedStorage('another', shared, options)
  for (const node of ['n03', 'n07', 'n39']) {
    const index = shared.ids.index(node)
    other.write(index, 'state', entryOf('state', node, stateBody({ zone: 'elsewhere' })), 0)
    other.write(index, 'residency', entryOf('residency', node, { models: [resident('0'.repeat(64))] }), 0)
  }
  return new SharedStorage(self, shared, options)
})
