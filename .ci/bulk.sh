#!/usr/bin/env bash
# The small run of the bench of transfers (test/bulk/bulk.test.ts) with all that stands beside them: tools of Debian and packages of
# npm. What cannot be installed is left out by the bench, which says so. Last line: `N passed, N failed`.
here=$(dirname "$0")
export PATH=$PATH:/usr/sbin
for tool in nginx curl aria2c rsync sshd ssh openssl; do
  command -v "$tool" >/dev/null && continue
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      nginx-light curl aria2 rsync openssh-server openssh-client openssl >/dev/null
  fi
  break
done
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
cp "$here/../bench/programs/peers/package.json" "$packages"
npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$packages" && export HOLDFAST_TEST_PACKAGES=$packages
bash "$here/vitest-part" test/bulk/vitest.config.ts
