#!/bin/sh
# Brings what the tests need beside Python packages: a browser and a PostgreSQL server.
set -eu

if ! command -v chromium >/dev/null 2>&1 && ! command -v chromium-browser >/dev/null 2>&1 \
    && ! command -v google-chrome >/dev/null 2>&1; then
    sh tests/support/apt_install.sh chromium
fi
if ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && ! command -v postgres >/dev/null 2>&1; then
    sh tests/support/apt_install.sh postgresql
fi
