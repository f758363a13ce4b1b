#!/bin/sh
# Installs Debian packages, as root or by sudo where that asks no question; else says what to install.
set -eu

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Please install these packages of your system, then try again: $*" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "Please run this, then try again: sudo apt-get install $*" >&2
    exit 1
fi
echo "Installing $* ..."
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null
