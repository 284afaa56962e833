// Clang's thread-safety annotations; nothing under other compilers.
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#ifndef HOLDFAST_THREAD_ANNOTATIONS_H_
#define HOLDFAST_THREAD_ANNOTATIONS_H_

#if defined(__clang__)
#define HOLDFAST_ANNOTATION(x) __attribute__((x))
#else
#define HOLDFAST_ANNOTATION(x)
#endif

#define CAPABILITY(x) HOLDFAST_ANNOTATION(capability(x))
#define SCOPED_CAPABILITY HOLDFAST_ANNOTATION(scoped_lockable)
#define GUARDED_BY(x) HOLDFAST_ANNOTATION(guarded_by(x))
#define REQUIRES(...) HOLDFAST_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) HOLDFAST_ANNOTATION(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) HOLDFAST_ANNOTATION(acquire_capability(__VA_ARGS__))
#define RELEASE(...) HOLDFAST_ANNOTATION(release_capability(__VA_ARGS__))

#endif  // HOLDFAST_THREAD_ANNOTATIONS_H_
