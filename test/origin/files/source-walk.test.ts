/** What people have in their folders: taken, told, or refused by name, by the same rules for a push and an adoption. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, rm, symlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adopt, type FileNote, pull } from '../../../origin/index.ts'
import { OriginFixture, sha256 } from '../fixture.ts'

let fixture: OriginFixture
beforeEach(async () => {
  fixture = await OriginFixture.create()
  await fixture.store.put('seed', [])
})
afterEach(() => fixture.remove())

type Mover = (source: string) => Promise<{ notes: readonly FileNote[]; files: number; digest: string }>
/** Both see the folder `origin/plain/NAME`: a push may read it like any other. */
const movers: { id: string; move: Mover }[] = [
  { id: 'push', move: (source) => fixture.push(source, 'acme/m') },
  {
    id: 'adopt',
    move: (source) =>
      adopt({
        from: `file://${source}`,
        name: 'acme/m',
        origin: fixture.origin,
        publisherKey: fixture.publisherKey,
      }),
  },
]
const plain = (files: Record<string, string>) => fixture.model('origin/plain/m', files)
const told = (notes: readonly FileNote[]) => notes.map(({ kind, path }) => `${kind} ${path}`)

describe.each(movers)('$id', ({ move }) => {
  test('tells what it leaves out and what a model does not keep', async () => {
    const source = await plain({
      'a.bin': 'a',
      'run.sh': '#!/bin/sh',
      'CON.txt': 'device',
      '.gitattributes': 'x',
      '.cache/huggingface/x.lock': '',
      'model-00001.safetensors.incomplete': 'x',
      'sub/b.gguf.part': 'x',
    })
    await chmod(join(source, 'run.sh'), 0o755)
    await mkdir(join(source, 'nothing'))
    const { notes, files } = await move(source)
    expect(files).toBe(3)
    expect(told(notes).sort()).toEqual([
      'empty-folder nothing',
      'executable run.sh',
      'hidden .cache',
      'hidden .gitattributes',
      'not-portable CON.txt',
      'partial-download model-00001.safetensors.incomplete',
      'partial-download sub/b.gguf.part',
    ])
    for (const { message, path } of notes) expect(message).toContain(path)
  })

  test.each([
    { id: 'a backslash', files: { 'a\\b.bin': '1' }, path: 'a\\b.bin' },
    { id: 'a newline', files: { 'a\nb.bin': '1' }, path: 'a\nb.bin' },
    { id: 'a control character in a folder', files: { 'a\tb/c': '1' }, path: 'a\tb/c' },
    { id: 'a part of 241 bytes', files: { ['n'.repeat(241)]: '1' }, path: 'n'.repeat(241) },
    { id: 'the name of another in capitals', files: { 'Model.bin': '1', 'model.bin': '2' }, path: 'model.bin' },
    { id: 'the name of another in Unicode', files: { 'e\u0301.bin': '1', '\u00e9.bin': '2' }, path: '\u00e9.bin' },
    { id: 'a folder named as a file', files: { 'A/x': '1', a: '2' }, path: 'A/x' },
  ])('refuses $id by name, and says to rename', async ({ files, path }) => {
    const source = await plain({ 'ok.bin': 'ok', ...(files as Record<string, string>) })
    await expect(move(source)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      details: { path },
      message: expect.stringMatching(/Rename (it|one of them) and push again\.$/),
    })
    expect(await fixture.objectKeys('refs/')).toEqual([])
  })

  test('refuses pipes, sockets, and links that lead nowhere, out or in circles, by name', async () => {
    const source = await plain({ 'a.bin': 'a' })
    const socket = createServer().listen(join(source, 'socket'))
    await once(socket, 'listening')
    await expect(move(source)).rejects.toMatchObject({ code: 'BAD_REQUEST', details: { path: 'socket' } })
    socket.close()
    await once(socket, 'close')
    execFileSync('mkfifo', [join(source, 'pipe')])
    await expect(move(source)).rejects.toMatchObject({ message: expect.stringContaining('it is a named pipe') })
    await rm(join(source, 'pipe'))
    for (const target of ['nowhere', '/etc/hostname', 'link', '..']) {
      await symlink(target, join(source, 'link'))
      await expect(move(source)).rejects.toMatchObject({ code: 'BAD_REQUEST', details: { path: 'link' } })
      await rm(join(source, 'link'))
    }
    expect((await move(source)).files).toBe(1)
  })

  test('follows a snapshot of a hub cache into the blobs of its repository, and no further', async () => {
    const repository = await fixture.model('origin/hub/models--acme--tiny', {
      [`blobs/${sha256('weights')}`]: 'weights',
      'refs/main': 'abc123\n',
      'snapshots/abc123/config.json': '{}',
    })
    const snapshot = join(repository, 'snapshots/abc123')
    await symlink(`../../blobs/${sha256('weights')}`, join(snapshot, 'model.bin'))
    const { files } = await move(snapshot)
    expect(files).toBe(2)
    const destination = fixture.path('out')
    await pull({ name: 'acme/m', origin: fixture.origin, destination })
    for (const cache of [repository, dirname(repository)])
      await expect(move(cache), cache).rejects.toMatchObject({ message: expect.stringContaining(`Name ${snapshot}`) })
    await fixture.model('origin/hub/models--acme--other/blobs', { secret: 'other' })
    await symlink('../../../models--acme--other/blobs/secret', join(snapshot, 'stolen'))
    await expect(move(snapshot)).rejects.toMatchObject({ details: { path: 'stolen' } })
  })
})

test('adopt and push make one model of one folder', async () => {
  const source = await plain({ 'a.bin': 'a', 'sub/b': 'b', '.hidden': 'x' })
  await symlink('a.bin', join(source, 'link'))
  const digests = []
  for (const { move } of movers) digests.push((await move(source)).digest)
  expect(digests[0]).toBe(digests[1])
})
