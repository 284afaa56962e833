/** The files of a scenario: traces with places, models, tables of round trips. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InputReader } from '../../../cli/simulate/read-inputs.ts'
import { readRttTable } from '../../../cli/simulate/read-rtt-table.ts'
import { parseScenario } from '../../../sim/scenario/scenario.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hf-inputs-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

const scenarioOf = (parts: object) =>
  parseScenario({ schema: 'holdfast.scenario.v1', name: 'x', durationS: 10, sites: [{ name: 'a' }], ...parts })

describe('a trace', () => {
  test('has the places of its requests, in the order of their arrival', async () => {
    await file('placed.csv', 'id,seconds,site,model\n0,2,b,m\n1,1,a,n\n2,3,a,m\n')
    const scenario = scenarioOf({ requests: { file: 'placed.csv' } })
    const { trace } = await new InputReader().read(join(folder, 'x.yaml'), scenario)
    expect([...trace!.timesMs]).toEqual([1_000, 2_000, 3_000])
    expect([...trace!.placeIndexes!].map((place) => trace!.places![place])).toEqual(['a', 'b', 'a'])
    expect([...trace!.modelIndexes].map((model) => trace!.models[model]!.name)).toEqual(['n', 'm', 'm'])
  })

  test('without places is dealt out by the simulator', async () => {
    await file('plain.csv', 'id,seconds,model\n0,2,m\n')
    const { trace } = await new InputReader().read(
      join(folder, 'x.yaml'),
      scenarioOf({ requests: { file: 'plain.csv' } }),
    )
    expect(trace!.placeIndexes).toBeUndefined()
  })

  test.each([
    ['empty.csv', 'id,seconds,model,node\n', /it has no requests/],
    ['holes.csv', 'id,seconds,model,node\n0,1,m,\n', /line 2: node is empty/],
    ['late.csv', 'id,seconds,model,node\n0,soon,m,a\n', /line 2: seconds is "soon"/],
  ])('%s is refused', async (name, text, says) => {
    await file(name, text)
    const read = new InputReader().read(join(folder, 'x.yaml'), scenarioOf({ requests: { file: name } }))
    await expect(read).rejects.toThrow(says)
  })

  test('is read once for all seeds when its models are known', async () => {
    await file('once.csv', 'id,seconds,model\n0,2,m\n')
    await file('models.json', JSON.stringify([{ name: 'm', loaded_size: 1, avg_load_latency: 2 }]))
    const reader = new InputReader()
    const inputs = [1, 2].map((seed) =>
      reader.read(
        join(folder, 'x.yaml'),
        scenarioOf({ seed, requests: { file: 'once.csv' }, models: { file: 'models.json' } }),
      ),
    )
    expect(await inputs[0]).toBe(await inputs[1])
    expect((await inputs[0])!.trace!.models[0]).toEqual({ name: 'm', sizeBytes: 2 ** 30, loadMs: 2_000 })
  })
})

describe('a table of round trips', () => {
  test('of cities takes those that are known, in both directions', async () => {
    const path = await file(
      'cities.csv',
      'src_city,dst_city_label,rtt_avg_ms\nLondon,"Tokyo Japan, Eurasia",240.5\nLondon,"Atlantis, Ocean",3\nLondon,"London United Kingdom, Eurasia",1\n',
    )
    const { places, rttMs, bytesPerS } = await readRttTable('wondernetwork', path)
    const at = (name: string) => places.findIndex((place) => place.name === name)
    const of = (from: string, to: string) => rttMs[at(from) * places.length + at(to)]
    expect([of('London', 'Tokyo'), of('Tokyo', 'London'), of('London', 'Paris')]).toEqual([240.5, 240.5, Number.NaN])
    expect(bytesPerS).toBeNull()
  })

  test('of clouds has throughput too, and places on the globe', async () => {
    const path = await file(
      'clouds.csv',
      'src,dst,throughput_mbps,rtt_avg_ms\naws:us-east-1,gcp:europe-west1-b,800,90\naws:us-east-1,aws:us-west-2,400,\n',
    )
    const { places, rttMs, bytesPerS } = await readRttTable('intercloud', path)
    const at = (name: string) => places.findIndex((place) => place.name === name)
    const cell = at('gcp:europe-west1-b') * places.length + at('aws:us-east-1')
    expect([rttMs[cell], bytesPerS![cell]]).toEqual([90, 100_000_000])
    expect(rttMs[at('aws:us-east-1') * places.length + at('aws:us-west-2')]).toBeNaN()
    expect(places.every(({ latitude, longitude }) => Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)).toBe(true)
    expect(new Set(places.map(({ name }) => name)).size).toBe(78)
  })

  test.each([
    ['other.csv', 'a,b\n1,2\n', /it has no column src_city/],
    ['unknown.csv', 'src_city,dst_city_label,rtt_avg_ms\nAtlantis,"Mu, Ocean",3\n', /no round trip between places/],
  ])('%s is refused', async (name, text, says) => {
    await expect(readRttTable('wondernetwork', await file(name, text))).rejects.toThrow(says)
  })
})
