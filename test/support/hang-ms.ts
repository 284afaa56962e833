/**
 * The one limit of time in the tests: what has not ended by then hangs. It is far beyond what a loaded machine needs, because a test
 * that ends at a limit of time has measured the machine and not the code.
 */
export const hangMs = 600_000
