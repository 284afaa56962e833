/**
 * How sessions are made, for both ends of a derived file. onnxruntime-node joins nested keys of `extra` with dots, so that
 * `extra.session.save_model_format` sets ONNX Runtime's `session.save_model_format`.
 */
import type { InferenceSession } from 'onnxruntime-node'

/** Only what goes wrong: the warning that an optimised model fits one processor is what the fingerprint is for. */
const errorsOnly = 3

/** Converts: writes the optimised graph in ORT format, which can be used where it lies. */
export function deriveOptions(outputPath: string): InferenceSession.SessionOptions {
  return {
    // 'extended' runs up to 1.5 times slower: only 'all' lays convolutions out for the vector unit.
    graphOptimizationLevel: 'all',
    optimizedModelFilePath: outputPath,
    intraOpNumThreads: 1,
    logSeverityLevel: errorsOnly,
    extra: {
      session: {
        save_model_format: 'ORT',
        // This session never runs; packing weights for it took a third of the time and 400 MB for VGG-16.
        disable_prepacking: '1',
      },
    },
  }
}

/** Runs in place: weights stay in the caller's bytes, which must outlive the session and may be read-only. */
export function inPlaceOptions(intraOpThreads: number): InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: intraOpThreads,
    logSeverityLevel: errorsOnly,
    extra: {
      session: {
        load_model_format: 'ORT',
        use_ort_model_bytes_directly: '1',
        use_ort_model_bytes_for_initializers: '1',
        // Packing would make a private copy of the weights in every process.
        disable_prepacking: '1',
      },
    },
  }
}

/** Runs what cannot be run in place: as ONNX Runtime runs a file by itself, with a copy of the weights in the process. */
export function copyingOptions(intraOpThreads: number): InferenceSession.SessionOptions {
  return { graphOptimizationLevel: 'all', intraOpNumThreads: intraOpThreads, logSeverityLevel: errorsOnly }
}
