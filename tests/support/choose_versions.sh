#!/bin/sh
# Writes constraints.txt: the newest versions that fit together on Python 3.11, by name and version alone.
set -eu

{
    echo "# Every package that is installed for development and tests, by name and version alone: \`make constraints\`."
    "$1/uv" pip compile --quiet --upgrade --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
        --no-emit-find-links pyproject.toml --extra dev | cut -d' ' -f1
} >constraints.new
mv constraints.new constraints.txt
