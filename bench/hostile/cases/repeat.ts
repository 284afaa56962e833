/** For ever; a short pause after each, so that an attacker that is refused leaves the processor to the others. */
export function repeat(action: () => Promise<unknown>, pauseMs = 5): void {
  const turn = (): void => {
    action()
      .catch(() => {})
      .finally(() => setTimeout(turn, pauseMs))
  }
  turn()
}
