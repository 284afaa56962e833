/** True in test/slow: every case, where `npm test` takes one of each kind. */
export const isThorough = process.env.HOLDFAST_TEST_THOROUGH === '1'
