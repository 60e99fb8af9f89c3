#!/usr/bin/env bash
# Installs Chromium for the browser tests where it is missing and can be; says why where it cannot.
# Never fails: without a browser those tests are skipped, and say so.
set -u

for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null 2>&1; then
    exit 0
  fi
done

if ! command -v apt-get >/dev/null 2>&1; then
  echo "Browser tests will be skipped: no Chromium here, and no apt-get to install it with." >&2
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "Browser tests will be skipped: no Chromium here. Install it: sudo apt-get install chromium" >&2
  exit 0
fi

echo "Installing Chromium for the browser tests ..."
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1; then
  echo "Browser tests will be skipped: apt-get could not install Chromium." >&2
fi
exit 0
