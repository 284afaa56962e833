/** The scenario that `holdfast sim init` writes: small enough for seconds, with enough in it that the report has something to show. */
export const exampleScenario = `# What a cluster would do: run it with \`holdfast sim run\`, compare with \`holdfast sim compare\`.
# Every field has a default but schema, name, durationS and the sites; a misspelt one is an error.
schema: holdfast.scenario.v1
name: six cities
about: Twelve boxes in six cities serve 60 models from a bucket in Virginia. Frankfurt crashes, Asia gets a crowd, then the bucket is away.
seed: 1
durationS: 300
warmupS: 60 # caches fill; figures are about the time after it

# Where the boxes stand: a city of the built-in table, or latitude and longitude.
sites:
  - { name: new-york, city: New York, zone: america, nodeCount: 2 }
  - { name: dallas, city: Dallas, zone: america, nodeCount: 2 }
  - { name: london, city: London, zone: europe, nodeCount: 2 }
  - { name: frankfurt, city: Frankfurt, zone: europe, nodeCount: 2 }
  - { name: tokyo, city: Tokyo, zone: asia, nodeCount: 2 }
  - name: singapore
    city: Singapore
    zone: asia
    nodeCount: 2
    downBytesPerS: 60e6 # one line for the whole site
    node: { memoryBytes: 1e9 } # smaller boxes

# Each box, where its site says nothing else.
node:
  memoryBytes: 1.5e9
  diskBytes: 3e9 # keeps what memory drops
  workerCount: 2

origin:
  city: Washington
  perNodeBytesPerS: 50e6 # a bucket limits each client
  usdPerGb: 0.09

models:
  count: 60
  sizeBytes: [20e6, 400e6] # drawn evenly on a logarithmic scale
  initMs: [200, 1000]
  executeMs: [20, 200]
  chunkBytes: 32000000 # the real 8 MiB is finer and takes longer

requests:
  ratePerS: 20 # of all boxes together
  zipfExponent: 0.9
  localityPercent: 40 # a model is mostly wanted in one zone
  burstPercent: 10

policy:
  eviction: holdfast # or lru, gdsf, lfu ...
  replication: true

# What goes wrong, and when.
events:
  - { kind: crash, atS: 110, forS: 30, site: frankfurt }
  - { kind: flash-crowd, atS: 170, forS: 30, zone: asia, modelRank: 30, ratePerS: 8 }
  - { kind: origin-outage, atS: 230, forS: 30 }
`
