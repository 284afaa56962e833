/** The step that a machine is making: its time, and what comes of it. */
import type { ModelEffect } from './types.ts'

export class Turn {
  nowMs = 0
  effects: ModelEffect[] = []

  begin(nowMs: number): void {
    this.nowMs = nowMs
    this.effects = []
  }

  emit(effect: ModelEffect): void {
    this.effects.push(effect)
  }
}
