import { expect, test } from 'vitest'
import { HoldfastError } from '../../../../common/errors.ts'
import { errorReply, ownErrorForm } from '../../../../node/doors/http/errors.ts'
import { hideFolders } from '../../../../node/doors/http/without-folders.ts'

const hide = hideFolders(['/var/lib/holdfast', '/srv/origin', ''])

test.each([
  ['Cannot read /var/lib/holdfast/scratch/derive-x/model.onnx.', 'Cannot read model.onnx.'],
  ["open '/var/lib/holdfast/disk/blobs/ab': no", "open 'ab': no"],
  ['The folder /var/lib/holdfast is full', 'The folder a folder of the node is full'],
  ['nothing at file:///srv/origin/refs/acme/x', 'nothing at x'],
  ['There is no POST /v1/holdfast.', 'There is no POST /v1/holdfast.'],
  ['kept: /var/lib/holdfast-other/x', 'kept: /var/lib/holdfast-other/x'],
])('%s', (text, told) => expect(hide(text)).toBe(told))

test('no error that leaves the node has a path of it, in its text or details', () => {
  const details = { path: '/var/lib/holdfast/a', paths: ['/srv/origin/b'], sizeBytes: 1 }
  const error = new HoldfastError('DISK_FAILED', 'write /var/lib/holdfast/disk/x: no space', { details })
  const { body } = errorReply(error, ownErrorForm, hide)
  expect(body).toMatchObject({
    error: { message: 'write x: no space', details: { path: 'a', paths: ['b'], sizeBytes: 1 } },
  })
})

test('an operating system without descriptors is 503 with its code', () => {
  const error = Object.assign(new Error('open /x'), { code: 'EMFILE' })
  expect(errorReply(error, ownErrorForm)).toMatchObject({
    status: 503,
    headers: { 'holdfast-error': 'OUT_OF_DESCRIPTORS' },
  })
})
