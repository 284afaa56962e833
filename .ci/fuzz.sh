#!/usr/bin/env bash
# libFuzzer on what comes from outside: the headers of safetensors and GGUF files, the protocol of the store's socket, and the
# frames of a bulk connection; then a long
# run of the property test of the store, the two readers of headers (TypeScript at a push, C++ at an open) against each other, and the
# parsers of the TypeScript part that strangers and members reach (test/fuzz).
# FUZZ_SECONDS each (60). Installs clang when it is not there.
# Last line: `N passed, N failed`.
set -u
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
build=build/fuzz
passed=0 failed=0
finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit
}
mkdir -p "$build"
command -v clang++ >/dev/null || { apt-get update && apt-get install -y clang; } >"$build.log" 2>&1 || true
if ! { cmake -S native -B "$build" -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=RelWithDebInfo -DHOLDFAST_BUILD_FUZZERS=ON \
  -DHOLDFAST_BUILD_TESTS=ON && cmake --build "$build" -j "$(nproc)" --target headers_fuzz protocol_fuzz frames_fuzz property_test; } >"$build.log" 2>&1; then
  tail -n 30 "$build.log"
  echo "FAIL build of the fuzzers"
  failed=1
  finish
fi

# Seeds: one well-formed file of each kind, so that the fuzzer begins behind the magic.
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
mkdir "$seeds/headers" "$seeds/protocol" "$seeds/frames"
json='{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"__metadata__":{"x":"y"}}'
printf '\x02'"\\x$(printf %02x ${#json})"'\0\0\0\0\0\0\0%s0123456789abcdef' "$json" >"$seeds/headers/safetensors"
printf '\x03GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x00\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0a\x01\0\0\0\x04\0\0\0\0\0\0\0\x00\0\0\0\0\0\0\0\0\0\0\0' >"$seeds/headers/gguf"
# open, close, status, list, auth, reattach: length, then type, form, 0, request, body.
printf '\x02\x20\0\x03\x01\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x06\0acme/x\0\0\x01\0\0\0' >"$seeds/protocol/open"
printf '\x02\x10\0\x05\x01\0\0\0\0\0\0\x01\0\0\0\0\0\0\0' >"$seeds/protocol/close"
printf '\x02\x08\0\x0a\x01\0\0\x02\0\0\0' >"$seeds/protocol/status"
printf '\x02\x0a\0\x0d\x01\0\0\x03\0\0\0\0\0' >"$seeds/protocol/list"
printf '\x02\x0d\0\x08\x01\0\0\0\0\0\0\x03\0abc' >"$seeds/protocol/auth"
# Four cuts; then a request with two bytes and a chunk of three.
printf '\x01\x09\xff\x00\x01\0\0\0\x01\0\0\0\x02ab\x03\0\0\0\x01\0\0\0\x03xyz' >"$seeds/frames/frames"

run() { # NAME COMMAND...
  local name=$1
  shift
  if "$@" >"$build/$name.out" 2>&1; then
    passed=$((passed + 1))
    echo "ok $name: $(grep -aE 'Done |tests passed|Tests .*passed' "$build/$name.out" | tail -n 1)"
  else
    failed=$((failed + 1))
    tail -n 40 "$build/$name.out"
    echo "FAIL $name"
  fi
}
run headers "$build/headers_fuzz" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=2048 -artifact_prefix="$build/" "$seeds/headers"
run protocol "$build/protocol_fuzz" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=2048 -artifact_prefix="$build/" "$seeds/protocol"
run frames "$build/frames_fuzz" -max_total_time="$seconds" -max_len=16384 -rss_limit_mb=2048 -artifact_prefix="$build/" "$seeds/frames"
# Both readers, and the verdicts of the safetensors library for the seeds: new mutations each time, and the seed in the title of a failure.
header_seed=${HOLDFAST_HEADER_SEED:-$(date +%s)}
run readers env HOLDFAST_HEADER_SEED="$header_seed" HOLDFAST_HEADER_COUNT=$((seconds * 1000)) \
  npx vitest run --project native test/native/headers.test.ts
# The parsers of the TypeScript part, each for its share of the time; as many inputs as that is.
run parsers env HOLDFAST_FUZZ_SEED="$header_seed" HOLDFAST_FUZZ_INPUTS=1000000000 HOLDFAST_FUZZ_MS=$((seconds * 1000 / 15)) \
  npx vitest run --project fuzz
# An hour's churn of a store at one operation per 70 ms, under the same sanitizers.
run churn env HOLDFAST_STEPS=50000 "$build/property_test"
finish
