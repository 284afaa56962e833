// Asks a node for the inputs of a model, sends it requests, several at a time, and prints what served them.
//
//   node client.js http://127.0.0.1:8080 examples/classifier:v1 20
const [url = 'http://127.0.0.1:8080', model = 'examples/classifier:v1', count = '20'] = process.argv.slice(2)

const { inputs } = await get(`/v2/models/${model}`)
console.log(`${model} takes ${inputs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape}]`).join(', ')}`)

const answers = await Promise.all(Array.from({ length: Number(count) }, infer))
const sources = Object.groupBy(answers, ({ servedFrom }) => servedFrom)
for (const [servedFrom, group] of Object.entries(sources)) console.log(`${group.length} answers from ${servedFrom}`)
console.log(
  `the first one: ${answers[0].outputs.map(({ name, data }) => `${name} ${JSON.stringify(data)}`).join(', ')}`,
)

async function infer() {
  const body = { inputs: inputs.map(({ name, datatype, shape }) => fill(name, datatype, shape)) }
  const response = await fetch(`${url}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const { outputs } = await jsonOf(response)
  return { outputs, servedFrom: response.headers.get('holdfast-served-from') }
}

// Random numbers; a free dimension (-1) is a batch of one.
function fill(name, datatype, shape) {
  const fixed = shape.map((size) => (size < 0 ? 1 : size))
  const length = fixed.reduce((product, size) => product * size, 1)
  return { name, datatype, shape: fixed, data: Array.from({ length }, () => Math.random()) }
}

async function get(path) {
  return jsonOf(await fetch(`${url}${path}`))
}

// A node that is short of something for the moment says in retry-after when to come again; this example does not.
async function jsonOf(response) {
  const body = await response.json()
  if (response.ok) return body
  throw new Error(`HTTP ${response.status} ${response.headers.get('holdfast-error')}: ${JSON.stringify(body.error)}`)
}
