/**
 * The door for entries of others: a decoded value becomes an Entry or a PEER_PROTOCOL error, nothing in between.
 *
 * Checked is form only: types, ranges, lengths, order of lists. That the author signed it is checked where the envelope is. A
 * checked entry is rebuilt from known fields, so that nothing else of a hostile object stays in memory. Unknown fields are
 * dropped, not refused: a newer node may say more.
 */
import { type Entry, entryKinds } from '../events.ts'
import { Checker, defaultEntryLimits, type EntryLimits } from './entry-checker.ts'
import { checkBody } from './entry-format.ts'

export function checkEntry(value: unknown, limits: EntryLimits = defaultEntryLimits): Entry {
  const check = new Checker(limits)
  const fields = check.record(value, 'entry')
  const kind = check.oneOf(entryKinds, fields.kind, 'kind')
  return {
    kind,
    node: check.text(fields.node, 'node', 1),
    epoch: check.count(fields.epoch, 'epoch'),
    sequence: check.count(fields.sequence, 'sequence'),
    body: checkBody(kind, check.record(fields.body, 'body'), check) as unknown,
  } as Entry
}
