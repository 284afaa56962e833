#!/usr/bin/env bash
# The native core's tests under AddressSanitizer with UndefinedBehaviorSanitizer, then under ThreadSanitizer.
# Last line: `N passed, N failed`.
set -u
cd "$(dirname "$0")/.."
passed=0 failed=0
for kind in address,undefined thread; do
  build="build/sanitize-${kind//,/-}"
  if ! { cmake -S native -B "$build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DHOLDFAST_BUILD_TESTS=ON -DHOLDFAST_SANITIZE="$kind" &&
    cmake --build "$build" -j "$(nproc)"; } >"$build.log" 2>&1; then
    tail -n 30 "$build.log"
    echo "FAIL build with $kind"
    failed=$((failed + 1))
    continue
  fi
  out=$(ctest --test-dir "$build" --output-on-failure --timeout 300 2>&1)
  echo "$out"
  ok=$(grep -c '   Passed  ' <<<"$out")
  all=$(grep -cE '^ *[0-9]+/[0-9]+ Test ' <<<"$out")
  if [ "$all" -eq 0 ]; then failed=$((failed + 1)); fi
  passed=$((passed + ok))
  failed=$((failed + all - ok))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
